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


def iou_per_class(matrix, ignore_class=None):
    """Intersection over union of each class, `TP / (TP + FP + FN)`.

    Args:
        matrix: array (classes, classes) of counts, hist[true, predicted].
        ignore_class: None, int or sequence of int, classes to drop. Defaults to None.

    Returns:
        float64 array (classes,), NaN for ignored classes and for those neither in the truth nor predicted.

    Raises:
        InputError: when the matrix is not square or holds a negative count.

    Example:
        >>> iou_per_class([[50, 2, 3], [4, 30, 1], [0, 0, 0]]).round(6)  # 50/59, 30/37, 0/4
        array([0.847458, 0.810811, 0.      ])
    """
    return class_ious(checked(matrix), ignore_class, np)


def mean_iou(matrix, ignore_class=None):
    """Mean of `iou_per_class` over the classes that have one; arguments and errors are the same.

    Example:
        >>> round(mean_iou([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.552756
    """
    return float(iou_mean(checked(matrix), ignore_class, np))


def pixel_accuracy(matrix, ignore_class=None):
    """Share of the pixels that are right, `sum_c TP_c / pixels`; arguments and errors as for `iou_per_class`.

    Example:
        >>> round(pixel_accuracy([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)
        0.888889
    """
    return float(accuracy_of_pixels(checked(matrix), ignore_class, np))


def mean_accuracy(matrix, ignore_class=None):
    """Mean over the classes in the truth of `TP / (TP + FN)`; arguments and errors as for `iou_per_class`.

    Example:
        >>> round(mean_accuracy([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)  # (50/55 + 30/35) / 2
        0.883117
    """
    matrix, _ = judged_rows(checked(matrix), ignore_class, np)
    return float(mean_of_defined(ratio(np.diagonal(matrix), matrix.sum(axis=1), np), np))


def frequency_weighted_iou(matrix, ignore_class=None):
    """Mean IoU weighted by the classes' share of the truth; arguments and errors as for `iou_per_class`.

    Example:
        >>> round(frequency_weighted_iou([[50, 2, 3], [4, 30, 1], [0, 0, 0]]), 6)  # (55 * 50/59 + 35 * 30/37) / 90
        0.833206
    """
    matrix, _ = judged_rows(checked(matrix), ignore_class, np)
    truth = matrix.sum(axis=1)
    iou = class_ious(matrix, ignore_class, np)
    return float(ratio(np.sum(truth * np.where(truth > 0, iou, 0.0)), truth.sum(), np))
