"""How losses weight and average: class weights, and the mean over counted values."""

from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._labels.class_weights import RULES
from keras_seg._types import Tensor

REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "sum", "none", None)


def compute_dtype(y_pred: Tensor) -> str:
    """float64 for float64 predictions, otherwise float32: half precision is too narrow for sums over pixels."""
    return "float64" if keras.backend.standardize_dtype(y_pred.dtype) == "float64" else "float32"


def checked_class_weights(value: Any) -> tuple[float, ...] | str | None:
    """`class_weights` as a tuple of floats that are not all zero, the name of a rule to resolve, or None."""
    if value is None:
        return None
    if isinstance(value, str):
        return _validation.one_of("class_weights", value, RULES)
    if isinstance(value, dict) or not hasattr(value, "__iter__"):
        _validation.fail("class_weights", "must be None or a sequence with one number for each class", value)
    if len(getattr(value, "shape", (1,))) != 1:
        _validation.fail("class_weights", "must hold one number for each class in one dimension", tuple(value.shape))
    # tolist() because numbers from an array or tensor are not Python floats, and the config is JSON.
    value = ops.convert_to_numpy(value).tolist() if hasattr(value, "shape") else value
    value = tuple(item.item() if getattr(item, "shape", None) == () else item for item in value)
    weights = tuple(_validation.number("class_weights", item, minimum=0) for item in value)
    if not any(weights):
        _validation.fail("class_weights", "must hold a number above zero", value)
    return weights


def class_weight_vector(weights: tuple[float, ...] | str, num_classes: int, dtype: str) -> Tensor:
    """Checked class weights as a tensor (classes,)."""
    if isinstance(weights, str):
        _validation.fail(
            "class_weights",
            "names a rule that needs the pixel counts of the classes first",
            weights,
            "Call loss.adapt(index) with a FolderIndex or counts, or pass the numbers from "
            f'keras_seg.data.class_weights(index, "{weights}").',
        )
    if len(weights) != num_classes:
        _validation.fail("class_weights", f"must hold {num_classes} numbers, one for each class", weights)
    return ops.convert_to_tensor(weights, dtype=dtype)


def reduce(values: Tensor, counted: Tensor, weights: Tensor, reduction: str | None) -> Tensor:
    """Weight and reduce `values`, of pixels or of images, over those that are `counted`.

    The mean divides by the number of counted values regardless of their weights, "mean_with_sample_weight" by the
    sum of their weights. If nothing is counted the result is 0. `counted` is bool, or a share per value.
    """
    _validation.one_of("reduction", reduction, REDUCTIONS)
    if keras.backend.standardize_dtype(counted.dtype) != "bool":
        return _reduce_shares(values, counted, weights, reduction)
    values = ops.where(counted, values, 0.0)
    if weights is not None:
        values = values * weights
    if reduction in (None, "none"):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    if reduction == "mean_with_sample_weight" and weights is not None:
        mass = ops.sum(ops.where(counted, weights, 0.0))
        return ops.where(mass > 0, total / ops.where(mass > 0, mass, 1.0), 0.0)
    # Counted as integers: float32 cannot add a one to 2^24.
    count = ops.sum(ops.cast(counted, "int32"))
    return total / ops.cast(ops.maximum(count, 1), values.dtype)


def _reduce_shares(values: Tensor, shares: Tensor, weights: Tensor, reduction: str | None) -> Tensor:
    """`reduce` where each value is counted with a share from 0 to 1."""
    # An infinite value that is not counted must not become NaN.
    values = ops.where(shares > 0, values, 0.0) * shares
    mass = shares
    if weights is not None:
        values = values * weights
        mass = shares * weights if reduction == "mean_with_sample_weight" else shares
    if reduction in (None, "none"):
        return values
    total = ops.sum(values)
    if reduction == "sum":
        return total
    mass = ops.sum(mass)
    return ops.where(mass > 0, total / ops.where(mass > 0, mass, 1.0), 0.0)
