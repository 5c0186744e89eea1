"""Scores of a confusion matrix, hist[true, predicted], as in FCN.

A class that occurs nowhere in what a score divides by has no score: it gets NaN and is excluded from the mean. Ignored
classes are dropped from the truth and from every mean; where they were predicted, they remain errors of the true class.

Every function also takes `xp`: NumPy by default, or `keras.ops` for a matrix inside a graph. A mean is then a tensor
instead of a float, and the matrix is not checked.

Reference:
    - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
"""

from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics.ratios import counted_classes, mask_ignored, mean_of_defined, ratio

__all__ = [
    "dice_per_class",
    "frequency_weighted_iou",
    "iou_per_class",
    "mean_accuracy",
    "mean_dice",
    "mean_iou",
    "mean_precision",
    "pixel_accuracy",
    "precision_per_class",
    "recall_per_class",
]


def iou_per_class(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Intersection over union of each class, `TP / (TP + FP + FN)`.

    Args:
        matrix: array (classes, classes). Counts, hist[true, predicted].
        ignore_class: None, int or sequence of int. Classes to drop. Defaults to None.
        xp: module. NumPy, or `keras.ops` inside a graph. Defaults to NumPy.

    Returns:
        float64 array (classes,), NaN for ignored classes and for those neither in the truth nor predicted.

    Raises:
        InputError: when the matrix is not square or holds a negative count.

    Examples:
        >>> iou_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/59, 30/37, 0/4
        array([0.847458, 0.810811, 0.      ])
    """
    matrix = _counted_rows(matrix, ignore_class, xp)
    hits = xp.diagonal(matrix)
    union = xp.sum(matrix, axis=0) + xp.sum(matrix, axis=1) - hits
    return mask_ignored(ratio(hits, union, xp), ignore_class, xp)


def dice_per_class(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Dice coefficient of each class, `2 TP / (2 TP + FP + FN)`; otherwise like `iou_per_class`.

    Examples:
        >>> dice_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 100/109, 60/67, 0/4
        array([0.917431, 0.895522, 0.      ])
    """
    matrix = _counted_rows(matrix, ignore_class, xp)
    sizes = xp.sum(matrix, axis=0) + xp.sum(matrix, axis=1)
    return mask_ignored(ratio(2 * xp.diagonal(matrix), sizes, xp), ignore_class, xp)


def precision_per_class(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Share of the pixels predicted as a class that belong to it, `TP / (TP + FP)`; otherwise like `iou_per_class`.

    NaN for ignored classes and for those never predicted.

    Examples:
        >>> precision_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/54, 30/32, 0/4
        array([0.925926, 0.9375  , 0.      ])
    """
    matrix = _counted_rows(matrix, ignore_class, xp)
    return mask_ignored(ratio(xp.diagonal(matrix), xp.sum(matrix, axis=0), xp), ignore_class, xp)


def recall_per_class(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Share of the pixels of a class that were found, `TP / (TP + FN)`; otherwise like `iou_per_class`.

    NaN for ignored classes and for those not in the truth.

    Examples:
        >>> recall_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/55, 30/35, none
        array([0.909091, 0.857143,      nan])
    """
    matrix = _counted_rows(matrix, ignore_class, xp)
    return ratio(xp.diagonal(matrix), xp.sum(matrix, axis=1), xp)


def mean_iou(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Mean of `iou_per_class` over the classes that have one; arguments and errors are the same.

    Returns:
        float.

    Examples:
        >>> round(mean_iou([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.552756
    """
    return _mean(iou_per_class(matrix, ignore_class=ignore_class, xp=xp), xp)


def pixel_accuracy(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Share of the pixels that are right, `sum_c TP_c / pixels`; otherwise like `mean_iou`.

    Examples:
        >>> round(pixel_accuracy([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.888889
    """
    matrix = _counted_rows(matrix, ignore_class, xp)
    return _number(ratio(xp.sum(xp.diagonal(matrix)), xp.sum(matrix), xp), xp)


def mean_accuracy(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Mean of `recall_per_class` over the classes in the truth; otherwise like `mean_iou`.

    Examples:
        >>> round(mean_accuracy([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)  # (50/55 + 30/35) / 2
        0.883117
    """
    return _mean(recall_per_class(matrix, ignore_class=ignore_class, xp=xp), xp)


def frequency_weighted_iou(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Mean IoU weighted by each class's share of the truth; otherwise like `mean_iou`.

    Examples:
        >>> round(frequency_weighted_iou([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)  # (55 * 50/59 + 35 * 30/37) / 90
        0.833206
    """
    iou = iou_per_class(matrix, ignore_class=ignore_class, xp=xp)
    truth = xp.sum(_counted_rows(matrix, ignore_class, xp), axis=1)
    # A class outside the truth has no weight, whatever its IoU. A matrix of NaN, which stands for a fault, stays NaN.
    weighted = xp.where(truth == 0, xp.zeros_like(truth), truth * iou)
    return _number(ratio(xp.sum(weighted), xp.sum(truth), xp), xp)


def mean_dice(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Mean of `dice_per_class` over the classes that have one; otherwise like `mean_iou`.

    Examples:
        >>> round(mean_dice([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.604318
    """
    return _mean(dice_per_class(matrix, ignore_class=ignore_class, xp=xp), xp)


def mean_precision(matrix: Tensor, *, ignore_class: IgnoreClass = None, xp: Any = np) -> Tensor:
    """Mean of `precision_per_class` over the classes that have one; otherwise like `mean_iou`.

    Examples:
        >>> round(mean_precision([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.621142
    """
    return _mean(precision_per_class(matrix, ignore_class=ignore_class, xp=xp), xp)


# By the names the results have in logs and reports.
MEANS = {
    "mean_iou": mean_iou,
    "pixel_accuracy": pixel_accuracy,
    "mean_accuracy": mean_accuracy,
    "frequency_weighted_iou": frequency_weighted_iou,
    "mean_dice": mean_dice,
    "mean_precision": mean_precision,
}
PER_CLASS = {
    "iou": iou_per_class,
    "dice": dice_per_class,
    "precision": precision_per_class,
    "recall": recall_per_class,
}


def _counted_rows(matrix: Tensor, ignore_class: IgnoreClass, xp: Any) -> Tensor:
    """The matrix without the truth of ignored classes."""
    if xp is np:
        matrix = _checked(matrix)
    counted = counted_classes(matrix.shape[0], ignore_class)
    # A NumPy mask lets the traced float32 matrix and the float64 array each keep their own type.
    return xp.where(counted[:, None], matrix, xp.zeros_like(matrix))


def _checked(matrix: Any) -> np.ndarray:
    """`matrix` as a square float64 array of counts."""
    array = np.asarray(matrix, dtype="float64")
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        _validation.fail("matrix", "must be a square confusion matrix, hist[true, predicted]", array.shape)
    if not np.all(array >= 0):
        _validation.fail("matrix", "must hold counts of at least 0", float(np.min(array)))
    return array


def _mean(values: Tensor, xp: Any) -> Tensor:
    return _number(mean_of_defined(values, xp), xp)


def _number(value: Tensor, xp: Any) -> Tensor:
    return float(value) if xp is np else value
