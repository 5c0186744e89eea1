"""Scores of a confusion matrix, hist[true, predicted], as in FCN: pure functions on NumPy arrays.

A class without a pixel in what a score divides by has no score: NaN for the class, left out of the mean. Ignored
classes are dropped from the truth and from every mean; where they were predicted they stay, as errors of the true
class.

Reference:
    - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
"""

import numpy as np

from keras_seg import _validation


def checked(matrix):
    """`matrix` as a square float64 array of counts."""
    array = np.asarray(matrix, dtype="float64")
    if array.ndim != 2 or array.shape[0] != array.shape[1]:
        _validation.fail("matrix", "must be a square confusion matrix, hist[true, predicted]", array.shape)
    if not np.all(array >= 0):
        _validation.fail("matrix", "must hold counts of at least 0", float(np.min(array)))
    return array


def judged_rows(matrix, ignore_class, xp):
    """(matrix, judged): the matrix without the truth of ignored classes, and which classes are not ignored."""
    ignored = _validation.ignored_classes(ignore_class)
    judged = np.array([index not in ignored for index in range(matrix.shape[0])])
    # The traced matrix is float32 and a NumPy one float64; a Python-typed mask lets each keep its own.
    return xp.where(judged[:, None], matrix, xp.zeros_like(matrix)), judged


def judged(values, ignore_class, xp, other=float("nan")):
    """`values` (..., classes) with `other` at the ignored classes."""
    ignored = _validation.ignored_classes(ignore_class)
    kept = np.array([index not in ignored for index in range(values.shape[-1])])
    return xp.where(kept, values, other)


def ratio(numerator, denominator, xp):
    """numerator / denominator, NaN where the denominator is 0."""
    some = denominator > 0
    return xp.where(some, numerator / xp.where(some, denominator, xp.ones_like(denominator)), float("nan"))


def mean_of_defined(values, xp):
    """The mean of the values that are not NaN; NaN when there are none."""
    defined = xp.logical_not(xp.isnan(values))
    total = xp.sum(xp.where(defined, values, xp.zeros_like(values)))
    return ratio(total, xp.sum(xp.where(defined, xp.ones_like(values), xp.zeros_like(values))), xp)


def class_ious(matrix, ignore_class, xp):
    """`iou_per_class` for NumPy or `keras.ops`."""
    matrix, judged = judged_rows(matrix, ignore_class, xp)
    hits = xp.diagonal(matrix)
    union = xp.sum(matrix, axis=0) + xp.sum(matrix, axis=1) - hits
    return xp.where(judged, ratio(hits, union, xp), float("nan"))


def iou_mean(matrix, ignore_class, xp):
    """`mean_iou` for NumPy or `keras.ops`."""
    return mean_of_defined(class_ious(matrix, ignore_class, xp), xp)


def accuracy_of_pixels(matrix, ignore_class, xp):
    """`pixel_accuracy` for NumPy or `keras.ops`."""
    matrix, _ = judged_rows(matrix, ignore_class, xp)
    return ratio(xp.sum(xp.diagonal(matrix)), xp.sum(matrix), xp)


def class_dices(matrix, ignore_class, xp):
    """`dice_per_class` for NumPy or `keras.ops`."""
    matrix, judged = judged_rows(matrix, ignore_class, xp)
    hits = xp.diagonal(matrix)
    sizes = xp.sum(matrix, axis=0) + xp.sum(matrix, axis=1)
    return xp.where(judged, ratio(2 * hits, sizes, xp), float("nan"))


def class_precisions(matrix, ignore_class, xp):
    """`precision_per_class` for NumPy or `keras.ops`."""
    matrix, judged = judged_rows(matrix, ignore_class, xp)
    return xp.where(judged, ratio(xp.diagonal(matrix), xp.sum(matrix, axis=0), xp), float("nan"))


def class_recalls(matrix, ignore_class, xp):
    """`recall_per_class` for NumPy or `keras.ops`."""
    matrix, _ = judged_rows(matrix, ignore_class, xp)
    return ratio(xp.diagonal(matrix), xp.sum(matrix, axis=1), xp)


def accuracy_mean(matrix, ignore_class, xp):
    """`mean_accuracy` for NumPy or `keras.ops`."""
    return mean_of_defined(class_recalls(matrix, ignore_class, xp), xp)


def weighted_iou(matrix, ignore_class, xp):
    """`frequency_weighted_iou` for NumPy or `keras.ops`."""
    iou = class_ious(matrix, ignore_class, xp)
    matrix, _ = judged_rows(matrix, ignore_class, xp)
    truth = xp.sum(matrix, axis=1)
    # A class outside the truth weighs nothing, whatever its IoU is. A matrix of NaN, which tells of a fault, stays NaN.
    return ratio(xp.sum(xp.where(truth == 0, xp.zeros_like(truth), truth * iou)), xp.sum(truth), xp)


def dice_mean(matrix, ignore_class, xp):
    """`mean_dice` for NumPy or `keras.ops`."""
    return mean_of_defined(class_dices(matrix, ignore_class, xp), xp)


def precision_mean(matrix, ignore_class, xp):
    """`mean_precision` for NumPy or `keras.ops`."""
    return mean_of_defined(class_precisions(matrix, ignore_class, xp), xp)


# What one matrix gives, by the names the results have in logs and reports.
MEANS = {
    "mean_iou": iou_mean,
    "pixel_accuracy": accuracy_of_pixels,
    "mean_accuracy": accuracy_mean,
    "frequency_weighted_iou": weighted_iou,
    "mean_dice": dice_mean,
    "mean_precision": precision_mean,
}
OF_CLASSES = {
    "iou": class_ious,
    "dice": class_dices,
    "precision": class_precisions,
    "recall": class_recalls,
}


def iou_per_class(matrix, ignore_class=None):
    """Intersection over union of each class, `TP / (TP + FP + FN)`.

    Args:
        matrix: array (classes, classes) of counts, hist[true, predicted].
        ignore_class: None, int or sequence of int, classes to drop. Defaults to None.

    Returns:
        float64 array (classes,), NaN for ignored classes and for those neither in the truth nor predicted.

    Raises:
        InputError: when the matrix is not square or holds a negative count.

    Examples:
        >>> iou_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/59, 30/37, 0/4
        array([0.847458, 0.810811, 0.      ])
    """
    return class_ious(checked(matrix), ignore_class, np)


def mean_iou(matrix, ignore_class=None):
    """Mean of `iou_per_class` over the classes that have one; arguments and errors are the same.

    Examples:
        >>> round(mean_iou([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.552756
    """
    return float(iou_mean(checked(matrix), ignore_class, np))


def pixel_accuracy(matrix, ignore_class=None):
    """Share of the pixels that are right, `sum_c TP_c / pixels`; arguments and errors as for `iou_per_class`.

    Examples:
        >>> round(pixel_accuracy([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.888889
    """
    return float(accuracy_of_pixels(checked(matrix), ignore_class, np))


def mean_accuracy(matrix, ignore_class=None):
    """Mean over the classes in the truth of `TP / (TP + FN)`; arguments and errors as for `iou_per_class`.

    Examples:
        >>> round(mean_accuracy([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)  # (50/55 + 30/35) / 2
        0.883117
    """
    return float(accuracy_mean(checked(matrix), ignore_class, np))


def frequency_weighted_iou(matrix, ignore_class=None):
    """Mean IoU weighted by the classes' share of the truth; arguments and errors as for `iou_per_class`.

    Examples:
        >>> round(frequency_weighted_iou([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)  # (55 * 50/59 + 35 * 30/37) / 90
        0.833206
    """
    return float(weighted_iou(checked(matrix), ignore_class, np))


def dice_per_class(matrix, ignore_class=None):
    """Dice coefficient of each class, `2 TP / (2 TP + FP + FN)`; all else as for `iou_per_class`.

    Examples:
        >>> dice_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 100/109, 60/67, 0/4
        array([0.917431, 0.895522, 0.      ])
    """
    return class_dices(checked(matrix), ignore_class, np)


def precision_per_class(matrix, ignore_class=None):
    """Share of what was called a class that is of it, `TP / (TP + FP)`; NaN for ignored classes and for those never
    predicted. Arguments and errors as for `iou_per_class`.

    Examples:
        >>> precision_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/54, 30/32, 0/4
        array([0.925926, 0.9375  , 0.      ])
    """
    return class_precisions(checked(matrix), ignore_class, np)


def recall_per_class(matrix, ignore_class=None):
    """Share of a class that was found, `TP / (TP + FN)`; NaN for ignored classes and for those not in the truth.
    Arguments and errors as for `iou_per_class`.

    Examples:
        >>> recall_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/55, 30/35, none
        array([0.909091, 0.857143,      nan])
    """
    return class_recalls(checked(matrix), ignore_class, np)


def mean_dice(matrix, ignore_class=None):
    """Mean of `dice_per_class` over the classes that have one; arguments and errors as for `iou_per_class`.

    Examples:
        >>> round(mean_dice([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.604318
    """
    return float(dice_mean(checked(matrix), ignore_class, np))


def mean_precision(matrix, ignore_class=None):
    """Mean of `precision_per_class` over the classes that have one; arguments and errors as for `iou_per_class`.

    Examples:
        >>> round(mean_precision([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.621142
    """
    return float(precision_mean(checked(matrix), ignore_class, np))
