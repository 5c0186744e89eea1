"""The numbers of the report against SciPy and numbers worked out by hand."""

import keras
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

import keras_seg as ks
from keras_seg._page.charts import log_ticks, scatter_chart, ticks
from keras_seg.data.targets.boundary_targets import edges_of
from keras_seg.evaluation.packed_maps import PackedMaps
from keras_seg.report.error_distance import DISTANCES, errors_by_distance
from keras_seg.report.object_recall import by_side, region_recalls
from keras_seg.report.shown_images import chosen

pytestmark = pytest.mark.tensorflow_only


def random_masks(seed=0, size=(40, 50)):
    """A mask with areas of three classes, one of a few ignored pixels, and a prediction with errors."""
    random = np.random.default_rng(seed)
    mask = np.digitize(ndimage.gaussian_filter(random.normal(size=size), 4), [-0.03, 0.03])
    predicted = np.where(random.random(size) < 0.2, random.integers(0, 3, size), mask)
    return mask, predicted


@pytest.mark.parametrize("seed", range(3))
def test_distances_are_those_of_the_boundary_targets(seed):
    mask, predicted = random_masks(seed)
    mask[:6, :6] = 9
    counts = errors_by_distance(mask, predicted, (9,))
    counted = mask != 9
    for number, width in enumerate(DISTANCES):
        # The rows are rings: together they are the pixels within a distance.
        near = edges_of(mask, width, (9,)) == 1
        assert counts[: number + 1, 0].sum() == pytest.approx(near.sum(), abs=0.01 * near.sum())
    assert counts[:, 0].sum() == counted.sum()
    assert counts[:, 1].sum() == (counted & (mask != predicted)).sum()


def test_distances_by_hand():
    mask = np.zeros((1, 14), int)
    mask[0, 7:] = 1
    predicted = np.zeros((1, 14), int)  # The right half is wrong: 7 pixels, at the distances 1 to 7.
    assert errors_by_distance(mask, predicted, ()).tolist() == [[2, 1], [2, 1], [4, 2], [6, 3], [0, 0]]


def test_no_edge_and_a_single_pixel():
    assert errors_by_distance(np.zeros((5, 6), int), np.ones((5, 6), int), ())[-1].tolist() == [30, 30]
    assert errors_by_distance(np.zeros((1, 1), int), np.zeros((1, 1), int), ())[-1].tolist() == [1, 0]


def test_recall_of_regions_by_hand():
    mask = np.zeros((20, 20), int)
    mask[2:6, 2:6] = 1  # 16 pixels: the side of its square is 4.
    mask[10:19, 10:19] = 1  # 81 pixels.
    predicted = np.zeros((20, 20), int)
    predicted[2:6, 2:4] = 1
    predicted[10:19, 10:19] = 1
    rows = sorted(region_recalls(mask, predicted, (0,)).tolist())
    assert rows == [[4.0, 0.5], [9.0, 1.0]]
    bins = by_side(np.array(rows))
    assert bins[0] == ("<8", 1, 0.5, 0.0)
    assert bins[1] == ("8-16", 1, 1.0, 1.0)
    assert np.isnan(bins[2][2])


def test_the_shown_images():
    assert chosen([0.9, 0.1, 0.5, 0.4, 0.8, 0.7, 0.2, np.nan, 0.6]) == [
        ("Best", 0), ("Best", 4), ("Median", 8), ("Median", 2), ("Worst", 1), ("Worst", 6), ("Worst", 3),
    ]  # fmt: skip
    assert [place for _, place in chosen([0.5, 0.5])] == [1, 0]
    assert chosen([np.nan]) == []


def test_maps_are_kept_exactly():
    maps = PackedMaps()
    mask = random_masks()[0].astype("uint16")[::-1]
    maps[3] = mask
    np.testing.assert_array_equal(maps[3], mask)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.2, 0.9), (3, 3), (0, 0), (-2, 1700), (0.001, 0.0012)])
def test_ticks_hold_the_data(low, high):
    found = ticks(low, high)
    assert found[0] <= low and found[-1] >= high
    assert 2 <= len(found) <= 7


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (36, 1200, [20, 50, 100, 200, 500, 1000, 2000]),
        (10, 100, [10, 20, 50, 100]),
        (0.03, 0.5, [0.02, 0.05, 0.1, 0.2, 0.5]),
        (3, 40_000, [1, 10, 100, 1000, 10_000, 100_000]),
    ],
)
def test_logarithmic_ticks_hold_the_data(low, high, wanted):
    np.testing.assert_allclose(log_ticks(low, high), wanted)


@pytest.mark.parametrize(("slowest", "logarithmic"), [(90, False), (1000, True)])
def test_times_far_apart_are_drawn_apart(slowest, logarithmic):
    """The middle of three times that are 1 : 10 : 100 lies in the middle."""
    middle = (10 * slowest) ** 0.5
    points = [("1", 10.0, 50.0, True), ("2", middle, 40.0, False), ("3", float(slowest), 30.0, False)]
    chart = str(scatter_chart(points, title="t", x_label="ms", description="d"))
    places = [float(part.split('"')[0]) for part in chart.split('cx="')[1:]]
    assert ("ms, logarithmic" in chart) == logarithmic
    assert (abs(places[0] + places[2] - 2 * places[1]) < 0.2) == logarithmic


def test_an_ignored_class_has_no_score(tmp_path):
    """The IoU of class 1 is 1, that of class 2 is 1/2; class 0 is ignored, and predicted in place of class 2."""
    truth, ids = np.array([[0, 1, 1, 2, 2]] * 8), np.array([[1, 1, 1, 2, 0]] * 8)
    for number in range(2):
        for kind, values in (("images", 3 * np.eye(3)[ids]), ("masks", truth)):
            (tmp_path / kind).mkdir(exist_ok=True)
            Image.fromarray(values.astype("uint8")).save(tmp_path / kind / f"{number}.png")
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Softmax()(image))
    index = ks.data.scan_folder(tmp_path, num_classes=3, ignore_class=0)
    found = ks.report.examine_semantic(model, index)
    assert found.summary.startswith("Mean IoU is 75.0 on 2 images (95 % interval 75.0 to 75.0).")
    assert "Best class: class_1 (100.0); worst: class_2 (50.0)." in found.summary
    assert found.facts[0] == ("75.0", "mean IoU")
    rows = found.sections[0].blocks[0].rows
    assert [row[1].text for row in rows] == ["ignored", "100.0", "50.0"]
    assert [row[3:] for row in rows] == [
        ("", "", "0.0 %"),
        ("100.0", "100.0", "50.0 %"),
        ("100.0", "50.0", "50.0 %"),
    ]
