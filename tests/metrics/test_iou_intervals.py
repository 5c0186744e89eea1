"""Intervals of the IoU of each class against scipy.stats.bootstrap."""

import numpy as np
import pytest
from scipy import stats

from keras_seg import metrics

pytestmark = pytest.mark.tensorflow_only


def matrices(images=40, classes=3, seed=1):
    random = np.random.default_rng(seed)
    hard = random.uniform(0.1, 0.6, images)
    return np.stack([random.multinomial(4000, _cells(h, classes)).reshape(classes, classes) for h in hard])


def _cells(wrong, classes):
    table = np.full((classes, classes), wrong / classes) + np.eye(classes) * (1 - wrong)
    return (table / table.sum()).ravel()


def test_the_ends_are_those_of_scipy():
    of_images = matrices()
    found = metrics.iou_intervals(of_images, samples=20000)
    for class_ in range(3):

        def iou(chosen, axis=-1, class_=class_):
            return np.apply_along_axis(
                lambda places: metrics.scores.iou_per_class(of_images[places].sum(axis=0))[class_], axis, chosen
            )

        theirs = stats.bootstrap(
            (np.arange(40),), iou, n_resamples=4000, method="percentile", rng=np.random.default_rng(2)
        ).confidence_interval
        width = theirs.high - theirs.low
        assert found[class_, 0] == pytest.approx(metrics.scores.iou_per_class(of_images.sum(axis=0))[class_])
        # The ends of 4000 samples scatter by some hundredths of the width.
        assert found[class_, 1] == pytest.approx(theirs.low, abs=0.1 * width)
        assert found[class_, 2] == pytest.approx(theirs.high, abs=0.1 * width)


def test_the_samples_are_those_of_the_mean():
    """The same images are drawn as for `confidence_interval`."""
    of_images = matrices()[:, :2, :2]
    interval = metrics.confidence_interval(of_images, score=lambda m: metrics.scores.iou_per_class(m)[1])
    np.testing.assert_allclose(metrics.iou_intervals(of_images)[1], (interval.value, interval.low, interval.high))


def test_a_class_that_occurs_nowhere_has_none():
    of_images = np.zeros((3, 2, 2), int)
    of_images[:, 0, 0] = 5
    found = metrics.iou_intervals(of_images)
    np.testing.assert_array_equal(found[0], (1, 1, 1))
    assert np.isnan(found[1]).all()
