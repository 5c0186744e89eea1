import numpy as np
import pytest
import scipy.stats

from keras_seg._validation import InputError
from keras_seg.metrics import confidence_interval, iou_intervals, paired_difference, scores

pytestmark = pytest.mark.tensorflow_only  # NumPy whatever the backend.


def matrices(images=40, seed=0, quality=0.8, pixels=500):
    """Matrices of two classes whose accuracy varies from image to image."""
    random = np.random.default_rng(seed)
    right = random.binomial(pixels, np.clip(random.normal(quality, 0.1, (images, 2)), 0, 1))
    out = np.zeros((images, 2, 2), int)
    out[:, [0, 1], [0, 1]], out[:, [0, 1], [1, 0]] = right, pixels - right
    return out


def test_equals_scipy():
    data = matrices()
    ours = confidence_interval(data, samples=4000)
    peer = scipy.stats.bootstrap(
        (np.arange(len(data)),),
        lambda chosen: scores.mean_iou(data[chosen].sum(axis=0)),
        n_resamples=4000,
        vectorized=False,
        method="percentile",
        random_state=np.random.default_rng(1),
    )
    # Two Monte Carlo runs: quantiles of 4000 samples are off by some percent of the width.
    width = peer.confidence_interval.high - peer.confidence_interval.low
    assert ours.low == pytest.approx(peer.confidence_interval.low, abs=0.1 * width)
    assert ours.high == pytest.approx(peer.confidence_interval.high, abs=0.1 * width)
    assert ours.value == scores.mean_iou(data.sum(axis=0))
    assert ours.low < ours.value < ours.high
    assert np.std(ours.samples) == pytest.approx(peer.standard_error, rel=0.1)


def test_all_samples_of_two_images():
    # A sample of two images is (2, 0), (1, 1) or (0, 2), with 1/4, 1/2, 1/4.
    data = np.array([[[3, 1], [0, 4]], [[2, 2], [2, 2]]])
    samples = confidence_interval(data, score=scores.pixel_accuracy, samples=4000).samples
    found, counts = np.unique(samples, return_counts=True)
    np.testing.assert_allclose(found, [4 / 8, 11 / 16, 7 / 8])
    np.testing.assert_allclose(counts / 4000, [0.25, 0.5, 0.25], atol=0.03)


def test_level_and_seed():
    data = matrices()
    narrow, wide = confidence_interval(data, level=0.5), confidence_interval(data, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high
    assert ((narrow.samples >= narrow.low) & (narrow.samples <= narrow.high)).mean() == pytest.approx(0.5, abs=0.01)
    assert confidence_interval(data, seed=3) == confidence_interval(data, seed=3) != confidence_interval(data, seed=4)


def test_pairs_are_narrower():
    better = matrices(seed=1)
    # The same images, a little worse in each: far apart as pairs, not as sets.
    worse = better.copy()
    lost = better[:, 0, 0] // 50
    worse[:, 0, 0] -= lost
    worse[:, 0, 1] += lost
    difference = paired_difference(better, worse)
    assert difference.low > 0
    assert difference.value == pytest.approx(confidence_interval(better).value - confidence_interval(worse).value)
    alone = confidence_interval(better)
    assert difference.high - difference.low < 0.2 * (alone.high - alone.low)
    turned = paired_difference(worse, better)
    assert (turned.value, turned.low, turned.high) == pytest.approx(
        (-difference.value, -difference.high, -difference.low)
    )
    same = paired_difference(better, better)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_samples_without_a_score():
    # mIoU of images without pixels is NaN: a sample of these alone has no score.
    data = np.array([[[0, 0], [0, 0]], [[3, 1], [0, 4]]])
    interval = confidence_interval(data)
    assert interval.low == interval.high == interval.value
    assert np.isnan(confidence_interval(np.zeros((2, 2, 2))).low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: confidence_interval(np.ones((1, 2, 2))), "`image_matrices` must hold .* two images"),
        (lambda: confidence_interval(np.ones((3, 2))), "`image_matrices` must hold square"),
        (lambda: confidence_interval(-np.ones((3, 2, 2))), "`image_matrices` must hold counts of at least 0"),
        (lambda: confidence_interval(np.ones((3, 2, 2)), level=1), "`level` must lie between 0 and 1"),
        (lambda: confidence_interval(np.ones((3, 2, 2)), samples=0), "`samples` must be an integer"),
        (lambda: paired_difference(np.ones((3, 2, 2)), np.ones((4, 2, 2))), "`other_matrices` must have the shape"),
        (
            lambda: paired_difference(np.ones((3, 2, 2)), [[[1, 1], [1, 1]], [[2, 1], [1, 1]], [[1, 1], [1, 1]]]),
            r"`other_matrices` must be of the same images.*\[1\]",
        ),
        (
            lambda: confidence_interval(np.ones((3, 2, 2)), ignore_class="road"),
            "`ignore_class` must be None, an integer",
        ),
        (lambda: iou_intervals(np.ones((3, 2, 2)), ignore_class=0.5), "`ignore_class` must be None, an integer"),
        (
            lambda: confidence_interval(np.ones((3, 2, 2)), score=scores.iou_per_class),
            r"`score` must give one number for a matrix.*\(2,\).*`iou_intervals`",
        ),
        (
            lambda: paired_difference(*np.ones((2, 3, 2, 2)), score=scores.dice_per_class),
            "`score` must give one number for a matrix",
        ),
        (
            lambda: paired_difference(*np.ones((2, 3, 2, 2)), ignore_class=0, score=lambda matrix: matrix[0, 0]),
            "`ignore_class` applies to the means of `metrics.scores` only.*Let `score` drop the classes itself",
        ),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_a_score_may_be_named():
    several = matrices(images=3)
    named, given = (confidence_interval(several, score=score) for score in ("mean_dice", scores.mean_dice))
    assert named.value == given.value
    np.testing.assert_array_equal(named.samples, given.samples)
    with pytest.raises(InputError, match=r"`score` .*'mean_iuo'.* Did you mean 'mean_iou'\?"):
        paired_difference(several, several, score="mean_iuo")


def three_classes(images=12, seed=0):
    return np.random.default_rng(seed).integers(1, 50, (images, 3, 3))


def test_ignored_classes_by_hand():
    # Class 1 has 3 of 4 pixels, one of which is predicted as the ignored class; class 2 has all. Row 0 does not count.
    of_images = [[[7, 7, 7], [1, 3, 0], [0, 0, 4]]] * 2
    assert confidence_interval(of_images, ignore_class=0).value == (3 / 4 + 1) / 2
    np.testing.assert_array_equal(iou_intervals(of_images, ignore_class=(0, 255))[:, 0], [np.nan, 3 / 4, 1])
    better = [[[7, 7, 7], [0, 4, 0], [0, 0, 4]]] * 2
    assert paired_difference(better, of_images, ignore_class=[0]).value == 1 / 8


def test_ignored_classes_are_in_no_sample():
    first, other = three_classes(), three_classes()
    other[:, 1, 1], other[:, 1, 0] = first[:, 1, 0], first[:, 1, 1]

    def score(matrix):
        return scores.mean_dice(matrix, ignore_class=(0, 9))

    for call, data in ((confidence_interval, (first,)), (paired_difference, (first, other))):
        by_name, by_hand = call(*data, score="mean_dice", ignore_class=(0, 9)), call(*data, score=score)
        assert by_name == by_hand
        np.testing.assert_array_equal(by_name.samples, by_hand.samples)
        assert by_name != call(*data, score="mean_dice")
    found = iou_intervals(first, ignore_class=0)
    assert np.isnan(found[0]).all()
    for class_ in (1, 2):
        one = confidence_interval(first, score=lambda m, c=class_: scores.iou_per_class(m, ignore_class=0)[c])
        np.testing.assert_allclose(found[class_], (one.value, one.low, one.high))
    # A label outside the range of the classes is no class.
    assert confidence_interval(first, ignore_class=255) == confidence_interval(first)
