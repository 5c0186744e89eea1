"""Outlines of objects and the panels of instances and boundaries."""

import numpy as np
import pytest
from skimage import segmentation

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.visualization import boundary_panel, instance_panel, outlines

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture
def ids():
    return ks.data.cells_scene(1, image_size=64)[1].astype(int)


def test_the_line_is_scikit_images_inner_boundary(ids):
    image = np.full((64, 64, 3), 10.0)
    drawn = outlines(image, ids, color=(200, 0, 0))
    line = segmentation.find_boundaries(ids, connectivity=1, mode="inner")
    assert drawn.dtype == np.uint8
    np.testing.assert_array_equal(drawn[line], np.broadcast_to([200, 0, 0], (line.sum(), 3)))
    np.testing.assert_array_equal(drawn[~line], np.full(((~line).sum(), 3), 10))


def test_a_wider_line_lies_inside_too(ids):
    drawn = outlines(np.zeros((64, 64, 1)), ids, color=(9, 9, 9), width=3)[..., 0] == 9
    thin = outlines(np.zeros((64, 64, 1)), ids, color=(9, 9, 9))[..., 0] == 9
    assert (drawn & thin == thin).all() and drawn.sum() > 1.5 * thin.sum()
    assert not drawn[ids == 0].any()


def test_each_object_has_its_color_and_void_none(ids):
    ids[:8] = -1
    drawn = outlines(np.zeros((64, 64, 3)), ids)
    colors = ks.visualization.palette(int(ids.max()))
    for number in np.unique(ids[ids > 0]):
        seen = drawn[ids == number]
        assert {tuple(color) for color in seen.tolist()} <= {(0, 0, 0), tuple(colors[number - 1].tolist())}
    assert not drawn[ids <= 0].any()


def test_nothing_to_draw():
    image = np.random.default_rng(0).integers(0, 255, (5, 6, 3)).astype("uint8")
    np.testing.assert_array_equal(outlines(image, np.zeros((5, 6), int)), image)


def test_the_panel_marks_found_missed_and_false_positive_objects():
    truth, prediction = np.zeros((220, 220), int), np.zeros((220, 220), int)
    truth[10:60, 10:60], truth[100:150, 10:60] = 7, 70_000
    prediction[12:60, 10:60], prediction[10:60, 150:200] = 3, 9
    panel = np.asarray(instance_panel([np.zeros((220, 220, 3))], [truth], [prediction]))
    # Four columns of 220 pixels with gaps of 6 below a heading of 26.
    shaded = panel[26 : 26 + 220, 6 * 4 + 220 * 3 : 6 * 4 + 220 * 4]
    assert shaded[35, 35].tolist() == [0, 87, 63]  # 0.55 of the green, over black.
    assert shaded[125, 35].tolist() == [213, 94, 0]
    assert shaded[35, 175].tolist() == [240, 228, 66]
    assert shaded[200, 200].tolist() == [0, 0, 0]
    # A found object has the color of its truth.
    true_line, found_line = panel[26 + 35, 6 * 2 + 220 + 10], panel[26 + 35, 6 * 3 + 440 + 10]
    assert true_line.any()
    np.testing.assert_array_equal(true_line, found_line)


def test_the_panel_of_boundaries():
    edge, line = np.zeros((220, 220), int), np.zeros((220, 220), bool)
    edge[:, 50], edge[:, 150] = 1, 1
    line[:, 52], line[:, 100] = True, True
    panel = np.asarray(boundary_panel([np.zeros((220, 220, 3))], [edge], [edge * 0.5], lines=[line]))
    shaded = panel[26 : 26 + 220, 6 * 4 + 220 * 3 : 6 * 4 + 220 * 4]
    # 0.75 % of the diagonal of 311 pixels are 2.3.
    assert shaded[100, 52].tolist() == [0, 158, 115]
    assert shaded[100, 100].tolist() == [240, 228, 66]
    assert shaded[100, 150].tolist() == [213, 94, 0]
    assert panel[26 + 100, 6 * 3 + 440 + 50].tolist() == [128, 128, 128]


def test_nothing_is_predicted_on_ignored_pixels():
    """Of a found object, the larger part lies there; another one and a line lie there alone."""
    truth, prediction = np.zeros((220, 220), int), np.zeros((220, 220), int)
    truth[:, :100], truth[10:60, 100:150] = -1, 1
    prediction[10:60, 20:150], prediction[100:150, 10:60] = 1, 2
    images, line = [np.zeros((220, 220, 3))], prediction == 2
    shaded = np.s_[26 : 26 + 220, 6 * 4 + 220 * 3 : 6 * 4 + 220 * 4]
    objects = np.asarray(instance_panel(images, [truth], [prediction]))[shaded]
    assert objects[35, 125].tolist() == [0, 87, 63]
    assert not objects[:, :100].any()
    for void in (-1, 255):
        edges = np.where(truth < 0, void, 0)
        lines = np.asarray(boundary_panel(images, [edges], [edges == 0], lines=[line | line.T]))[shaded]
        assert lines[35, 125].tolist() == [240, 228, 66]
        assert not lines[:, :100].any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": np.zeros((3, 3), int)}, "`ids` must be an integer map of the height and width of the image"),
        ({"ids": np.zeros((4, 5))}, "`ids` must be an integer map"),
        ({"color": "red"}, "`color` must be None or"),
        ({"color": (0, 0, 300)}, "`color` must be a finite number in"),
        ({"width": 0}, "`width` must be an integer of at least 1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        outlines(**{"image": np.zeros((4, 5, 3)), "ids": np.zeros((4, 5), int), **arguments})
