import itertools
import json

import numpy as np
import pytest
import scipy.ndimage
import torchmetrics_numbers

from keras_seg._validation import InputError
from keras_seg.metrics import instance_counts, instance_score, panoptic_quality

pytestmark = pytest.mark.tensorflow_only  # NumPy whatever the backend.


def squares(*corners, size=10, shape=(40, 40)):
    """Squares numbered from 1, by their upper left corners."""
    out = np.zeros(shape, int)
    for number, (row, column) in enumerate(corners, start=1):
        out[row : row + size, column : column + size] = number
    return out


def blobs(seed):
    noise = scipy.ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((2, 40, 40)), (0, 2, 2))
    noise[1] = 0.8 * noise[0] + 0.2 * noise[1]
    return [scipy.ndimage.label(values > 0.03)[0] for values in noise]


def slow_counts(true, predicted, threshold):
    found = 0
    for i, j in itertools.product(np.unique(true[true > 0]), np.unique(predicted[predicted > 0])):
        a, b = true == i, predicted == j
        found += (a & b).sum() / (a | b).sum() > threshold
    return [found, len(np.unique(predicted[predicted > 0])) - found, len(np.unique(true[true > 0])) - found]


def test_golden():
    # A square shifted by half its side: IoU 50/150.
    true, predicted = squares((5, 5)), squares((5, 10))
    assert instance_counts(true, predicted, thresholds=[0.5]).tolist() == [[0, 1, 1]]
    assert instance_score(true, predicted) == 0.0
    empty = np.zeros((40, 40), int)
    assert instance_score(empty, empty) == 1.0
    assert instance_score(empty, true) == instance_score(true, empty) == 0.0
    assert instance_score(true, true) == 1.0
    # IoU 90/110 = .818: found at seven of ten thresholds. Images count alike.
    assert instance_score(true, squares((5, 6))) == pytest.approx(0.7)
    assert instance_score([true, empty, true], [squares((5, 6)), empty, predicted]) == pytest.approx(1.7 / 3)


@pytest.mark.parametrize("seed", range(3))
def test_equals_pairwise_counting(seed):
    true, predicted = blobs(seed)
    assert len(np.unique(true)) > 5
    for threshold, counts in zip((0.5, 0.7), instance_counts(true, predicted, thresholds=(0.5, 0.7)), strict=True):
        assert counts.tolist() == slow_counts(true, predicted, threshold)
    # Numbers are names.
    names = np.random.default_rng(seed).permutation(np.arange(1, 100))
    renamed = np.where(true > 0, names[true], 0)
    np.testing.assert_array_equal(instance_counts(renamed, predicted), instance_counts(true, predicted))


def test_ignored_pixels_of_instances():
    true, predicted = squares((5, 5)), squares((5, 10))
    true[:, :10][true[:, :10] > 0] = 99
    true[:, 15:20] = 99
    assert instance_counts(true, predicted, thresholds=[0.9], ignore_class=99).tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("void", [-1, -7])
def test_void_is_no_instance(void):
    """The left half of the true square is void; of the predicted one, so is what lies there."""
    true, predicted = squares((5, 5)), squares((5, 5), (20, 20))
    true[:, :10] = void
    assert instance_counts(true, predicted, thresholds=[0.9], ignore_class=void).tolist() == [[1, 1, 0]]
    assert instance_score([true], [predicted], ignore_class=(void, 255)) == 0.5
    # Void in a prediction may lie where the truth is void.
    predicted[:, :10] = void
    assert instance_counts(true, predicted, thresholds=[0.9], ignore_class=void).tolist() == [[1, 1, 0]]
    said = rf"`y_true` must hold numbers of at least 0.*y_true=\[{void}\]. Name void in `ignore_class`, such as -1"
    for ignored in (None, 0, 255, void - 1):
        with pytest.raises(InputError, match=said) as error:
            instance_counts(true, predicted, ignore_class=ignored)
        assert "\n" not in str(error.value)
        with pytest.raises(InputError, match=said):
            instance_score(true, predicted, ignore_class=ignored)
    predicted[20, 20] = void
    with pytest.raises(InputError, match=rf"`y_pred` must hold numbers of at least 0.*y_pred=\[{void}\]"):
        instance_counts(true, predicted, ignore_class=void)


def test_unsigned_and_boolean_maps():
    true, predicted = squares((5, 5)), squares((5, 6))
    for kind in ("uint8", "uint64", bool):
        assert instance_score(true.astype(kind), predicted.astype(kind)) == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((squares((1, 1)), squares((1, 1), shape=(30, 30))), "`y_pred` must have the shape of `y_true`"),
        ((squares((1, 1)) * 1.0, squares((1, 1))), "`y_true` must be an integer map"),
        ((squares((1, 1)), squares((1, 1)), []), "`thresholds` must hold at least one number"),
        ((squares((1, 1)), squares((1, 1)), [0.4]), r"`thresholds` must lie in \[0.5, 1\)"),
        (([], []), "`y_pred` must hold as many images"),
        (([squares()], [squares(), squares()]), "`y_pred` must hold as many images"),
    ],
)
def test_bad_instances(arguments, message):
    with pytest.raises(InputError, match=message):
        instance_score(*arguments[:2], **({"thresholds": arguments[2]} if arguments[2:] else {}))


def test_panoptic_quality_equals_torchmetrics():
    true, true_ids, predicted, predicted_ids = torchmetrics_numbers.panoptic()
    results = [
        panoptic_quality((true[i], true_ids[i]), (predicted[i], predicted_ids[i]), num_classes=3) for i in range(3)
    ]
    total = results[0] + results[1] + results[2]
    ours = [total.quality, total.segmentation_quality, total.recognition_quality]
    expected = json.loads(torchmetrics_numbers.FILE.read_text())["panoptic"]
    np.testing.assert_allclose(np.array(ours).T, expected, rtol=1e-6)
    np.testing.assert_allclose(total.quality, total.segmentation_quality * total.recognition_quality)
    assert total.mean == pytest.approx(np.mean(total.quality))


def test_panoptic_quality_by_hand():
    true, predicted = squares((0, 0), (0, 20)), squares((0, 1), (20, 20))
    result = panoptic_quality((true > 0, true), (predicted > 0, predicted), num_classes=3)
    # The first square is found with 90/110, one is a false positive and one is missed; the ground is found.
    assert (result.true_positives.tolist(), result.false_positives.tolist(), result.false_negatives.tolist()) == (
        [1, 1, 0],
        [0, 1, 0],
        [0, 1, 0],
    )
    assert result.quality[1] == pytest.approx(90 / 110 / 2)
    assert np.isnan(result.quality[2])
    same = panoptic_quality((true > 0, true), (true > 0, true), num_classes=2)
    assert same.quality.tolist() == [1, 1]


def test_panoptic_void():
    true, predicted = squares((0, 0)), squares((0, 0), (0, 20), (20, 0))
    classes = (true > 0).astype(int)
    classes[0:10, 18:28] = 255  # More than half of the second, which so counts as nothing.
    classes[20:30, 0:4] = 255  # Less than half of the third, a false positive.
    classes[0:10, 0:3] = 255  # In no union: the rest of the first is found as it is.
    result = panoptic_quality(
        (classes, true), ((predicted > 0).astype(int), predicted), num_classes=2, ignore_class=255
    )
    assert (result.true_positives[1], result.false_positives[1], result.false_negatives[1], result.iou[1]) == (
        1,
        1,
        0,
        1.0,
    )
    unknown = panoptic_quality(
        (classes, true), (np.full_like(classes, 255), predicted), num_classes=2, ignore_class=255
    )
    assert (unknown.true_positives.tolist(), unknown.false_positives.tolist(), unknown.false_negatives.tolist()) == (
        [0, 0],
        [0, 0],
        [1, 1],
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({0: np.full((5, 5), 7)}, r"`y_true\[0\]` holds labels that are neither a class, 0 to 1.*\[7\]"),
        ({2: np.zeros((4, 5), int)}, r"`y_pred\[0\]` must be an integer map"),
        ({3: np.full((5, 5), -1)}, r"`y_pred\[1\]` must hold numbers of at least 0"),
        ({1: np.zeros((5, 5))}, r"`y_true\[1\]` must be an integer map"),
        (dict.fromkeys(range(4), np.zeros((0, 5), int)), r"`y_true\[0\]` must hold pixels"),
    ],
)
def test_bad_panoptic_maps(changes, message):
    maps = [changes.get(position, np.zeros((5, 5), int)) for position in range(4)]
    with pytest.raises(InputError, match=message):
        panoptic_quality(tuple(maps[:2]), tuple(maps[2:]), num_classes=2)


def test_panoptic_maps_come_in_pairs():
    with pytest.raises(InputError, match=r"`y_true` must be a pair \(classes, instances\)"):
        panoptic_quality(np.zeros((5, 5), int), np.zeros((5, 5), int), num_classes=2)
