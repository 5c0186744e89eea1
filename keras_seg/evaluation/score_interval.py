"""The interval of the score that ranks models, for every kind of evaluation."""

import numpy as np

from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.multilabel import MultiLabelEvaluation
from keras_seg.evaluation.semantic import Evaluation
from keras_seg.metrics import Interval
from keras_seg.metrics.bootstrap import draw_images, interval_of

_SAMPLES, _LEVEL = 1000, 0.95


def score_key(score_name: str) -> str:
    """The name in JSON of a score, such as "mean_iou" of the "mean IoU"."""
    return score_name.lower().replace(" ", "_")


def score_interval(evaluation: AnyEvaluation, groups: np.ndarray | None = None) -> Interval:
    """The score with its 95 % bootstrap interval over the images; its ends are NaN where there is one image or group.

    Args:
        evaluation: an evaluation that holds the counts of each image.
        groups: int array (images,). The number of the group of each image; groups are drawn as a whole. Defaults to
            None, for images that are drawn one by one.
    """
    drawn = _drawn(evaluation, groups)
    samples = np.zeros(0) if drawn is None else evaluation.scores_of_samples(drawn)
    return interval_of(evaluation.score, samples, _LEVEL)


def iou_with_intervals(evaluation: AnyEvaluation, groups: np.ndarray | None = None) -> np.ndarray:
    """The IoU of each class with its 95 % bootstrap interval: float array (classes, 3), value, low and high.

    NaN for a class that is ignored or occurs nowhere, and for the ends where there is one image or group. Evaluations
    without classes have no rows. Arguments: those of `score_interval`.
    """
    if not isinstance(evaluation, (Evaluation, MultiLabelEvaluation)):
        return np.zeros((0, 3))
    drawn = _drawn(evaluation, groups)
    samples = np.zeros((0, len(evaluation.iou))) if drawn is None else evaluation.iou_of_samples(drawn)
    found = [interval_of(*pair, _LEVEL) for pair in zip(evaluation.iou, samples.T, strict=True)]
    return np.array([(interval.value, interval.low, interval.high) for interval in found])


def ends_of(interval: Interval) -> list[float] | None:
    """[low, high] for JSON; None where an end is NaN."""
    ends = [interval.low, interval.high]
    return ends if np.isfinite(ends).all() else None


def _drawn(evaluation: AnyEvaluation, groups: np.ndarray | None) -> np.ndarray | None:
    """How often each image is in each sample, (samples, images); None where a sample could be no other."""
    numbers = np.arange(evaluation.images) if groups is None else groups
    count = int(numbers.max()) + 1
    return None if count < 2 else draw_images(count, _SAMPLES, 0, _LEVEL)[:, numbers]
