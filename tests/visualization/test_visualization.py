"""Palettes, overlays and panels."""

import numpy as np
import pytest

from keras_seg import _validation
from keras_seg.visualization import colorize, instance_panel, overlay, palette, prediction_panel
from keras_seg.visualization.class_sets import overlay_classes
from keras_seg.visualization.prediction_panel import prediction_row

pytestmark = pytest.mark.tensorflow_only


def test_colors_are_distinct_and_stable():
    colors = palette(40).astype(int)
    assert len({tuple(color) for color in colors}) == 40
    distances = np.linalg.norm(colors[:12, None] - colors[None, :12], axis=-1) + 1000 * np.eye(12)
    assert distances.min() > 40  # A dozen classes can be told apart by eye.
    assert (colors.max(1) > 60).all()  # Black is left for ignored pixels.
    np.testing.assert_array_equal(palette(5), palette(40)[:5])


def test_colorize_by_hand():
    mask = np.array([[0, 1], [255, -1]])
    colors = np.array([[10, 20, 30], [40, 50, 60]], "uint8")
    np.testing.assert_array_equal(colorize(mask, colors), [[[10, 20, 30], [40, 50, 60]], [[0, 0, 0], [0, 0, 0]]])


def test_colors_are_any_integers():
    mask, colors = np.array([[0, 1], [255, -1]]), [(10, 20, 30), (40, 50, 255)]
    for given in (colors, np.array(colors), np.array(colors, "uint8")):
        np.testing.assert_array_equal(colorize(mask, given)[0], colors)
    np.testing.assert_array_equal(colorize(mask, np.int64(2)), colorize(mask, 2))
    np.testing.assert_array_equal(overlay(np.zeros((2, 2, 3)), mask, colors, alpha=1.0)[0], colors)


def test_overlay_by_hand():
    """0.25 of the color and 0.75 of the image; the ignored pixel shows the image alone."""
    image = np.full((1, 2, 3), 100.0)
    result = overlay(image, np.array([[0, 9]]), np.array([[200, 0, 100]], "uint8"), alpha=0.25)
    np.testing.assert_array_equal(result, [[[125, 75, 100], [100, 100, 100]]])


def test_gray_images_and_more_channels():
    assert overlay(np.full((2, 3, 1), 7.0), np.full((2, 3), -1), 2).tolist() == np.full((2, 3, 3), 7).tolist()
    assert overlay(np.zeros((2, 3, 4)), np.zeros((2, 3), int), 2).shape == (2, 3, 3)


def test_panel_marks_wrong_pixels_in_red_and_ignored_ones_gray():
    truth = np.zeros((40, 40), "uint8")
    truth[:, 20:] = 255
    prediction = np.zeros((40, 40), int)
    prediction[:20] = 1
    panel = np.asarray(
        prediction_panel([np.zeros((40, 40, 3))], [truth], [prediction], class_names=["a", "b"], tile_height=40)
    )
    errors = panel[26:66, -46:-6]
    np.testing.assert_array_equal(errors[10, 10], [230, 40, 40])
    np.testing.assert_array_equal(errors[30, 10], [0, 0, 0])
    np.testing.assert_array_equal(errors[10, 30], [128, 128, 128])


def test_ignored_classes_are_void():
    """Black in the truth and gray among the errors, whatever is predicted there."""
    colors, image = np.array([[10, 20, 30], [40, 50, 60]], "uint8"), np.full((1, 3, 3), 100.0)
    truth, prediction = np.array([[0, 1, 1]], "uint8"), np.array([[1, 1, 0]])
    _, drawn, predicted, errors = prediction_row(image, truth, prediction, colors=colors, ignore_class=(0, 255))
    assert drawn.tolist() == [[[0, 0, 0], [40, 50, 60], [40, 50, 60]]]
    assert predicted.tolist() == [[[40, 50, 60], [40, 50, 60], [10, 20, 30]]]
    assert errors.tolist() == [[[128, 128, 128], [35, 35, 35], [230, 40, 40]]]
    panels = [
        prediction_panel([image], [truth], [prediction], class_names=["a", "b"], ignore_class=ignored)
        for ignored in (None, 255, 0, [0])
    ]
    assert panels[0] == panels[1] != panels[2] == panels[3]


def test_a_long_legend_wraps():
    mask = np.zeros((50, 50), "uint8")
    few = prediction_panel([np.zeros((50, 50, 3))], [mask], [mask], class_names=["a"])
    many = prediction_panel(
        [np.zeros((50, 50, 3))], [mask], [mask], class_names=[f"class number {k}" for k in range(30)]
    )
    assert many.width == few.width
    assert many.height > few.height + 60


MASK = np.zeros((1, 2, 3), int)


def panel(y_true, y_pred, **options):
    return prediction_panel(np.zeros((1, 2, 3, 3)), y_true, y_pred, class_names=["a"], **options)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: panel([], MASK), "`y_true` must hold one map per image"),
        (lambda: panel(MASK, MASK[:, :1]), "`y_pred` must have the height and width of its image"),
        (lambda: panel(MASK, MASK, ignore_class="a"), "`ignore_class` must be None, an integer"),
        (lambda: panel(MASK, MASK, ignore_class=0, overlapping=True), "`ignore_class` does not apply to classes that"),
        (lambda: panel(MASK, MASK * 0.9), "`y_pred` must hold integers.*float64.*Convert scores"),
        (lambda: panel(MASK + 0.9, MASK, overlapping=True), "`y_true` must hold integers.*float64"),
        (lambda: panel(MASK, MASK + 0.9, overlapping=True), "`y_pred` must hold integers.*float64"),
        (lambda: instance_panel(np.zeros((1, 2, 3, 3)), MASK, MASK + 0.9), "`y_pred` must hold integers.*float64"),
        (lambda: palette(0), "`num_classes` must be an integer"),
        (lambda: colorize(np.zeros((2, 2)), 2), "`mask` must be an integer array"),
        (
            lambda: colorize(MASK[0], np.array([[0.0, 0.5, 1.0]])),
            r"`colors` must be the number .*float64\(1, 3\).*255 \*",
        ),
        (lambda: colorize(MASK[0], [(255, 0, 0, 255)]), r"`colors` must be .*\(1, 4\)"),
        (lambda: colorize(MASK[0], 0), "`colors` must be an integer of at least 1"),
        (lambda: colorize(MASK[0], ["red"]), "`colors` must be the number of classes, or"),
        (lambda: colorize(MASK[0], [(0, 0, 256)]), "`colors` must be .*'0 to 256'"),
        (lambda: overlay(np.zeros((2, 3, 3)), MASK[0], np.eye(3)), "`colors` must be the number of classes, or"),
        (lambda: overlay(np.zeros((2, 2, 3)), np.zeros((3, 2), int), 2), "`mask` must have the height and width"),
        (lambda: overlay(np.zeros((2, 2, 3)), np.zeros((2, 2), int), 2, alpha=2), "`alpha` must be a finite number"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(_validation.InputError, match=message):
        call()


def test_pixels_of_several_classes_have_the_mean_of_their_colors():
    """Half of the image and half of the mean color; a pixel of no class shows the image alone."""
    colors = np.array([[200, 0, 100], [0, 100, 0]], "uint8")
    image, bits = np.full((1, 3, 3), 100.0), np.array([[1, 3, 0]])
    result = overlay_classes(image, bits, colors)
    np.testing.assert_array_equal(result, [[[150, 50, 100], [100, 75, 75], [100, 100, 100]]])
    row = prediction_row(image, bits, np.array([[1, 2, 0]]), colors=colors, overlapping=True)
    assert [tuple(pixel) for pixel in row[-1][0]] == [(35, 35, 35), (230, 40, 40), (35, 35, 35)]
    panel = prediction_panel([image], [bits], [bits], class_names=["a", "b"], overlapping=True)
    assert panel.mode == "RGB"
