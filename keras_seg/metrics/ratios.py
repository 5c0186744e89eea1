"""Ratios that are NaN where they are undefined, and the mean of those that are not.

`xp` is NumPy for values that are known, `keras.ops` for tensors of a graph.
"""

from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor


def ratio(numerator: Tensor, denominator: Tensor, xp: Any) -> Tensor:
    """numerator / denominator, NaN where the denominator is 0."""
    defined = denominator > 0
    return xp.where(defined, numerator / xp.where(defined, denominator, xp.ones_like(denominator)), float("nan"))


def mean_of_defined(values: Tensor, xp: Any) -> Tensor:
    """The mean of the values that are not NaN; NaN when there are none."""
    defined = xp.logical_not(xp.isnan(values))
    total = xp.sum(xp.where(defined, values, xp.zeros_like(values)))
    return ratio(total, xp.sum(xp.where(defined, xp.ones_like(values), xp.zeros_like(values))), xp)


def defined(value: float) -> float | None:
    """The value as a Python float, None for NaN, which JSON has not."""
    return None if np.isnan(value) else float(value)


def counted_classes(num_classes: int, ignore_class: IgnoreClass) -> np.ndarray:
    """Which classes are not ignored, bool (classes,)."""
    ignored = _validation.ignored_classes(ignore_class)
    return np.array([index not in ignored for index in range(num_classes)])


def mask_ignored(values: Tensor, ignore_class: IgnoreClass, xp: Any, *, fill: float = float("nan")) -> Tensor:
    """`values` (..., classes) with `fill` at the ignored classes."""
    return xp.where(counted_classes(values.shape[-1], ignore_class), values, fill)
