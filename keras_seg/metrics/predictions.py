"""How predictions are read: probabilities, single-channel probabilities, class ids."""

import math

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._types import Tensor
from keras_seg.metrics import fusing

# XLA fuses one comparison per channel into a single loop; beyond this many, compiling them takes longer than it saves.
_UNROLLED = 160


def predicted_ids(y_pred: Tensor, num_classes: int, threshold: float, *, from_logits: bool) -> Tensor:
    """Predicted classes as int32 (batch, height, width), -1 for NaN, and for one channel outside [0, 1].

    Args:
        y_pred: probabilities or logits of the classes, ids, or one channel for class 1. Truth values are ids.
        num_classes: int.
        threshold: float in (0, 1). For the probability of one channel.
        from_logits: bool. Whether the one channel holds logits.
    """
    shape = tuple(y_pred.shape)
    if keras.backend.standardize_dtype(y_pred.dtype) == "bool":
        y_pred = ops.cast(y_pred, "int32")  # TensorFlow neither orders truth values nor compares them with numbers.
    whole = "int" in keras.backend.standardize_dtype(y_pred.dtype)
    if len(shape) == 4 and shape[-1] == num_classes:
        if threshold != 0.5:
            fix = "Pass the probability of class 1 alone, y_pred[..., 1:]." if num_classes == 2 else "Leave it out."
            rule = f"has no effect on predictions of {num_classes} channels, of which the largest wins"
            _validation.fail("threshold", rule, threshold, fix)
        return reading.argmax(y_pred) if whole else best_class(y_pred)
    if len(shape) == 4 and shape[-1] == 1:
        y_pred = ops.squeeze(y_pred, axis=-1)
        if not whole and num_classes == 2:
            if from_logits:
                fits, limit = ops.logical_not(ops.isnan(y_pred)), math.log(threshold / (1 - threshold))
            else:
                slack = reading.PROBABILITY_SLACK
                # False for NaN too.
                fits, limit = ops.logical_and(y_pred >= -slack, y_pred <= 1 + slack), threshold
            return ops.where(fits, ops.cast(y_pred > limit, "int32"), -1)
    elif len(shape) != 3:
        _validation.fail(
            "y_pred",
            f"must be probabilities (batch, height, width, {num_classes}) or class ids (batch, height, width)",
            shape,
            f"Its last dimension must equal num_classes={num_classes}." if len(shape) == 4 else "",
        )
    if not whole:
        fix = "Cast them to int32." if len(shape) == 3 else f"Its last dimension must equal num_classes={num_classes}."
        _validation.fail(
            "y_pred", "must be of an integer type when it holds class ids", (shape, str(y_pred.dtype)), fix
        )
    return reading.whole(y_pred, -1)


def best_class(scores: Tensor) -> Tensor:
    """Position of the largest score along the last axis, int32; -1 where one of them is NaN."""
    if fusing.compiling() and scores.shape[-1] <= _UNROLLED:
        return _unrolled(scores)
    ids = reading.argmax(scores)
    # The sum is NaN when a score is, and cheap to compute; only then is each pixel checked.
    suspect = ops.isnan(ops.sum(scores))
    if reading.is_concrete(suspect):
        return _without_nan(ids, scores) if suspect else ids
    return ops.cond(suspect, lambda: _without_nan(ids, scores), lambda: ids)


def _without_nan(ids: Tensor, scores: Tensor) -> Tensor:
    return ops.where(ops.any(ops.isnan(scores), axis=-1), -1, ids)


def _unrolled(scores: Tensor) -> Tensor:
    best = scores[..., 0]
    ids, nan = ops.zeros_like(best, dtype="int32"), ops.isnan(best)
    for channel in range(1, scores.shape[-1]):
        score = scores[..., channel]
        larger = score > best
        best, ids = ops.where(larger, score, best), ops.where(larger, channel, ids)
        nan = ops.logical_or(nan, ops.isnan(score))
    return ops.where(nan, -1, ids)
