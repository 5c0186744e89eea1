"""The scores of segmentation_models 1.0.1: soft counts over a batch, per class."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from keras import backend, ops

from keras_seg import _validation

SMOOTH = 1e-5


class Counts:
    """True positives, and the pixels of truth and prediction, per class; per image too if `per_image`.

    Args:
        gt: tensor (batch, height, width, classes).
        pr: tensor of the same shape.
        class_indexes: int or sequence of int. The classes that count. Defaults to None, for all.
        per_image: bool.
        threshold: float. Predictions above it count as 1, others as 0. Defaults to None, for soft counts.
    """

    def __init__(self, gt, pr, *, class_indexes, per_image: bool, threshold: float | None = None) -> None:
        gt, pr = chosen(gt, pr, class_indexes)
        if threshold is not None:
            pr = ops.cast(pr > threshold, gt.dtype)
        axes = (1,) if per_image else (0, 1)
        # Along rows first: a sum over a million pixels in one go is off by 1e-5 in float32.
        self.tp, self.truth, self.predicted = (ops.sum(ops.sum(one, axis=2), axis=axes) for one in (gt * pr, gt, pr))


def plain(value: Any) -> Any:
    """Weights or indices of classes as numbers or lists, or None: loading would leave arrays and tuples as configs."""
    return None if value is None else np.asarray(value).tolist()


def chosen(gt: Any, pr: Any, class_indexes: int | Sequence[int] | None) -> tuple[Any, Any]:
    """Truth and prediction of the classes that count, as floats of 32 bits or more.

    Keras hands a metric the outputs of the model as they are, in half precision under a mixed policy. There the sum
    over a mask of 256x256 pixels would be infinite in float16, and rounded to two digits in bfloat16.
    """
    pr = ops.convert_to_tensor(pr)
    pr = ops.cast(pr, backend.result_type(pr.dtype, "float32"))
    gt = ops.cast(gt, pr.dtype)
    _check_channels(gt.shape, pr.shape)
    if class_indexes is None:
        return gt, pr
    indices = [class_indexes] if isinstance(class_indexes, int) else list(class_indexes)
    return ops.take(gt, indices, axis=-1), ops.take(pr, indices, axis=-1)


def _check_channels(truth: Any, predicted: Any) -> None:
    """Fail for masks of class ids, or without an axis for the classes: products with predictions would broadcast."""
    if None in (getattr(truth, "rank", 0), getattr(predicted, "rank", 0)):
        return  # TensorFlow does not know how many axes there are.
    given, wanted = tuple(truth), tuple(predicted)
    if len(given) != len(wanted) or len({*given[-1:], *wanted[-1:]} - {None}) > 1:
        rule = f"must be masks of 0 and 1, a channel per class, as predictions of shape {wanted} have"
        ids = "Class ids become such masks by keras.utils.to_categorical(masks, classes)"
        _validation.fail("y_true", rule, given, f"{ids}, masks of one class by masks[..., None].")


def averaged(score: Any, *, per_image: bool, class_weights: Any) -> Any:
    """The mean over images, then the mean over classes of the weighted scores."""
    if per_image:
        score = ops.mean(score, axis=0)
    if class_weights is not None:
        score = score * ops.convert_to_tensor(class_weights, score.dtype)
    return ops.mean(score)


def iou(counts: Counts, smooth: float) -> Any:
    """Intersection over union, per class."""
    return (counts.tp + smooth) / (counts.truth + counts.predicted - counts.tp + smooth)


def f_score(counts: Counts, smooth: float, beta: float) -> Any:
    """The F score, per class."""
    square = beta**2
    false_negatives, false_positives = counts.truth - counts.tp, counts.predicted - counts.tp
    hits = (1 + square) * counts.tp + smooth
    return hits / (hits + square * false_negatives + false_positives)


def precision(counts: Counts, smooth: float) -> Any:
    """The share of the predicted pixels that is right, per class."""
    return (counts.tp + smooth) / (counts.predicted + smooth)


def recall(counts: Counts, smooth: float) -> Any:
    """The share of the true pixels that is found, per class."""
    return (counts.tp + smooth) / (counts.truth + smooth)
