"""How ground truth is read: id masks and one-hot labels, ignored classes, invalid labels.

Shared by every loss and metric, so that all of them agree on which pixels count.
"""

import itertools
from collections.abc import Collection
from typing import Any, NamedTuple, NoReturn

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor

# How far outside [0, 1] a probability may lie: softmax in half precision, and resizing after it, round beyond it.
PROBABILITY_SLACK = 1e-3


class Labels(NamedTuple):
    """Ground truth in the one form that losses compute with."""

    ids: Any
    """Class ids, int32 (batch, height, width), -1 on every ignored pixel; None for soft labels."""
    dense: Any
    """One-hot or soft labels, float (batch, height, width, classes), zero on ignored pixels; None for ids."""
    valid: Any
    """Which pixels count, bool (batch, height, width); (batch, height, width, channels) where each channel is
    labeled separately."""
    stray: Any
    """Whether some label is neither a class nor ignored, bool (); None if none is known to be."""


def is_concrete(x: Tensor) -> bool:
    """Whether the values of `x` are available now: eager execution, not a graph, a trace or a shape inference."""
    backend = keras.backend.backend()
    if isinstance(x, keras.KerasTensor):
        return False
    if backend == "jax":
        import jax.core

        return not isinstance(x, jax.core.Tracer)  # pyright: ignore[reportAttributeAccessIssue]  Jax loads it lazily.
    if backend == "torch":
        import torch

        return not (torch.compiler.is_compiling() or getattr(x, "is_meta", False))
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.executing_eagerly() and hasattr(x, "numpy")
    return True


def tensors(y_true: Any, y_pred: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors, or a one-line error that names the one without numbers; backends have no such error."""
    for name, value in (("y_true", y_true), ("y_pred", y_pred)):
        if not ops.is_tensor(value) and np.asarray(value).dtype.kind in "OSUM":
            kind = type(value).__name__ if np.ndim(value) == 0 else f"an array of {np.asarray(value).dtype}"
            _validation.fail(name, "must hold numbers", kind)
    return ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)


def argmax(x: Tensor) -> Tensor:
    """Position of the largest value along the last axis, int32.

    On TensorFlow `keras.ops.argmax` takes twice the time of `tf.argmax`, because it checks the sign bit of zeros. A
    matrix is 10 % faster than the same numbers at rank 4.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        flat = tf.argmax(tf.reshape(x, (-1, x.shape[-1])), axis=-1, output_type=tf.int32)
        return tf.reshape(flat, tf.shape(x)[:-1])
    return ops.cast(ops.argmax(x, axis=-1), "int32")


def check_sizes(y_true: Tensor, y_pred: Tensor) -> None:
    """Both must have the same batch, height and width, as far as they are known."""
    for true, predicted in zip(y_true.shape[:3], y_pred.shape[:3], strict=True):
        if true is not None and predicted is not None and true != predicted:
            _validation.fail(
                "y_true",
                f"must have the batch, height and width of `y_pred`, which has shape {tuple(y_pred.shape)}",
                tuple(y_true.shape),
            )


def holds_ids(y_true: Tensor, num_classes: int) -> bool:
    """True for ids (batch, height, width) or (batch, height, width, 1), False for (batch, height, width, classes)."""
    shape = tuple(y_true.shape)
    if len(shape) == 3 or (len(shape) == 4 and shape[-1] == 1):
        return True
    if len(shape) != 4 or shape[-1] != num_classes:
        _validation.fail(
            "y_true",
            f"must be ids (batch, height, width) or one-hot labels (batch, height, width, {num_classes})",
            shape,
        )
    return False


def no_label(ignored: Collection[int]) -> int:
    """The id of invalid labels: -1, or the next lower id that is not ignored, so that they do not pass as void."""
    return next(item for item in itertools.count(-1, -1) if item not in ignored)


def whole(y_true: Tensor, instead: int) -> Tensor:
    """`y_true` as int32, with `instead` for fractions, NaN and numbers beyond int32."""
    ids = ops.cast(y_true, "int32")
    dtype = keras.backend.standardize_dtype(y_true.dtype)
    if "float" not in dtype and dtype not in ("int64", "uint32", "uint64"):
        return ids
    same = ops.cast(ids, y_true.dtype) == y_true
    if dtype.startswith("uint"):
        same = ops.logical_and(same, ids >= 0)
    return ops.where(same, ids, instead)


def class_ids(y_true: Tensor, num_classes: int, ignored: Collection[int]) -> Tensor:
    """Ids as int32 (batch, height, width), from ids or one-hot labels, with nothing masked yet.

    Invalid labels are mapped to `no_label`: an id with a fraction or beyond int32; a row of one-hot or soft labels with
    a negative number, NaN, or a sum above 1, such as several ones; an all-zero row. One-hot encoding writes void as
    such a row, so it becomes the ignored id if `ignored` names one outside the classes.
    """
    none = no_label(ignored)
    if holds_ids(y_true, num_classes):
        return whole(ops.squeeze(y_true, axis=-1) if len(y_true.shape) == 4 else y_true, none)
    outside = [item for item in ignored if not 0 <= item < num_classes]
    shares = ops.cast(y_true, "float32")
    total = ops.sum(shares, axis=-1)
    # False for NaN too. Soft labels in bfloat16 miss 1 by up to half a percent.
    fits = ops.logical_and(ops.all(shares >= 0, axis=-1), total <= 1.01)
    ids = ops.where(total > 0, argmax(shares), outside[0] if outside else none)
    return ops.where(fits, ids, none)


def partition(ids: Tensor, num_classes: int, ignored: Collection[int]) -> tuple[Tensor, Tensor]:
    """(valid, stray): pixels whose class is not ignored, and pixels with neither a class nor an ignored id."""
    in_range = ops.logical_and(ids >= 0, ids < num_classes)
    valid, known = in_range, in_range
    for item in ignored:
        if 0 <= item < num_classes:
            valid = ops.logical_and(valid, ids != item)
        else:
            known = ops.logical_or(known, ids == item)
    return valid, ops.logical_not(known)


def fail_on_stray(ids: Tensor, stray: Tensor, num_classes: int) -> NoReturn:
    """The error for labels outside the classes, naming them."""
    values = np.unique(ops.convert_to_numpy(ids)[ops.convert_to_numpy(stray)])
    shown = [int(value) for value in values[:8]]
    _validation.fail(
        "y_true",
        f"holds labels that are neither a class, 0 to {num_classes - 1}, nor ignored",
        shown,
        "Pass them as ignore_class, or correct the masks or the number of classes (a negative label also stands for "
        "one with a fraction, an all-zero one-hot row, or a row whose sum is above 1).",
    )


def read(y_true: Tensor, y_pred: Tensor, ignored: Collection[int], dtype: str) -> Labels:
    """`y_true` as `Labels`.

    In eager mode, a label that is neither a class nor ignored raises an `InputError`. A compiled graph cannot raise, so
    `stray` records it and `poison` makes the loss NaN.
    """
    if len(y_pred.shape) != 4 or y_pred.shape[-1] is None or y_pred.shape[-1] < 2:
        _validation.fail(
            "y_pred", "must have the shape (batch, height, width, classes) with 2 classes or more", tuple(y_pred.shape)
        )
    num_classes = y_pred.shape[-1]
    sparse = holds_ids(y_true, num_classes)
    check_sizes(y_true, y_pred)
    ids = class_ids(y_true, num_classes, ignored)
    valid, stray = partition(ids, num_classes, ignored)
    any_stray = ops.any(stray)
    if is_concrete(any_stray):
        if any_stray:
            fail_on_stray(ids, stray, num_classes)
        any_stray = None
    if sparse:
        return Labels(ops.where(valid, ids, -1), None, valid, stray=any_stray)
    dense = ops.where(ops.expand_dims(valid, -1), ops.cast(y_true, dtype), 0.0)
    return Labels(None, dense, valid, stray=any_stray)


def one_hot(labels: Labels, num_classes: int, dtype: str) -> Tensor:
    """Labels as (batch, height, width, classes), all zero on ignored pixels."""
    if labels.dense is not None:
        return labels.dense
    if keras.backend.backend() == "torch":
        # Its one_hot rejects negative ids; Keras works around that with two more passes than a comparison.
        return ops.cast(ops.expand_dims(labels.ids, -1) == ops.arange(num_classes, dtype="int32"), dtype)
    return ops.one_hot(labels.ids, num_classes, dtype=dtype)


def poison(loss: Tensor, labels: Labels) -> Tensor:
    """NaN in place of a loss computed from invalid labels: an error in the data must not vanish."""
    return loss if labels.stray is None else ops.where(labels.stray, float("nan"), loss)


def read_channels(y_true: Tensor, y_pred: Tensor, ignored: Collection[int], dtype: str) -> Labels:
    """`y_true` as `Labels` of channels that are each a yes or no (a share in between is a soft label).

    Accepts (batch, height, width, channels), and (batch, height, width) beside predictions of one channel. Invalid
    labels are treated as in `read`.
    """
    channels = y_pred.shape[-1]
    if len(y_true.shape) == 3 and channels == 1:
        y_true = ops.expand_dims(y_true, -1)
    if len(y_true.shape) != 4 or y_true.shape[-1] != channels:
        _validation.fail(
            "y_true",
            f"must be (batch, height, width, {channels}), a label from 0 to 1 for each channel of `y_pred`"
            + (", or (batch, height, width)" if channels == 1 else ""),
            tuple(y_true.shape),
        )
    check_sizes(y_true, y_pred)
    if keras.backend.standardize_dtype(y_true.dtype) == "bool":
        y_true = ops.cast(y_true, "uint8")
    ids = whole(y_true, no_label(ignored))  # In float32, 2^24 + 1 would be ignored together with 2^24.
    valid = ops.logical_and(y_true >= 0, y_true <= 1)
    known = valid
    for item in ignored:
        if item in (0, 1):
            _validation.fail(
                "ignore_class",
                "must hold labels other than 0 and 1, which mean no and yes here",
                item,
                "Exclude a channel by class_weights, pixels by sample_weight.",
            )
        known = ops.logical_or(known, ids == item)
    stray = ops.logical_not(known)
    any_stray = ops.any(stray)
    if is_concrete(any_stray):
        if any_stray:
            values = np.unique(ops.convert_to_numpy(y_true)[ops.convert_to_numpy(stray)])
            _validation.fail(
                "y_true",
                "holds labels that neither lie from 0 to 1 nor are ignored",
                [value.item() for value in values[:8]],
                "Pass them as ignore_class, or correct the masks.",
            )
        any_stray = None
    return Labels(None, ops.where(valid, ops.cast(y_true, dtype), 0.0), valid, stray=any_stray)
