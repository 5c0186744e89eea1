"""How many instances were found, at several degrees of overlap."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.metrics.segment_matching import MATCHING_IOU, counts_of_ious, instance_ious, score_of_counts

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def instance_counts(
    y_true: ArrayLike, y_pred: ArrayLike, *, ignore_class: IgnoreClass = None, thresholds: Sequence[float] = THRESHOLDS
) -> np.ndarray:
    """True positives, false positives and false negatives among the instances of one image, per threshold.

    An instance is found when its intersection over union with a predicted one exceeds the threshold. At 0.5 or more, no
    instance can match two others, so there is nothing to assign.

    Args:
        y_true: int array (height, width). A positive number for each instance, 0 for the background.
        y_pred: int array (height, width). The same.
        ignore_class: None, int or sequence of int. Numbers in `y_true` of pixels to leave out of both maps, such as -1.
            Defaults to None.
        thresholds: sequence of floats in [0.5, 1). Defaults to 0.5, 0.55, ... 0.95.

    Returns:
        int64 array (thresholds, 3): TP, FP, FN.

    Raises:
        InputError: for arguments that do not fit.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.array([[1, 1, 0]]), np.array([[0, 1, 1]])  # IoU 1/3
        >>> instance_counts(true, predicted, thresholds=[0.5])
        array([[0, 1, 1]])
    """
    true, predicted = _map("y_true", y_true), _map("y_pred", y_pred)
    if true.shape != predicted.shape:
        _validation.fail("y_pred", f"must have the shape of `y_true`, {true.shape}", predicted.shape)
    levels = np.array([_threshold(item) for item in np.ravel(thresholds)])
    if not len(levels):
        _validation.fail("thresholds", "must hold at least one number in [0.5, 1)", [])
    counted = ~np.isin(true, _validation.ignored_classes(ignore_class))
    true, predicted = true[counted], predicted[counted]
    _refuse_negative("y_true", true, "Name void in `ignore_class`, such as -1.")
    _refuse_negative("y_pred", predicted, "Give pixels without an instance the number 0.")
    _, iou = instance_ious(true, predicted)
    return counts_of_ious(iou, levels)


def instance_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, ignore_class: IgnoreClass = None, thresholds: Sequence[float] = THRESHOLDS
) -> float:
    """Mean over thresholds of `TP / (TP + FP + FN)`, averaged over images: the score of the Data Science Bowl 2018.

    It is not the average precision of COCO, which ranks by confidence. An image without instances in either map scores
    1.

    Args:
        y_true: int array (height, width), or a sequence of such, one per image. A positive number for each instance, 0
            for the background.
        y_pred: the same.

    Other arguments: those of `instance_counts`.

    Returns:
        float.

    Raises:
        InputError: for arguments that do not fit.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.zeros((20, 20), int), np.zeros((20, 20), int)
        >>> true[5:15, 2:12] = 1
        >>> predicted[5:15, 4:14] = 1  # IoU 80/120
        >>> instance_score(true, predicted)  # found at 0.5, 0.55, 0.6 and 0.65
        0.4

    Reference:
        - [Caicedo et al., 2019](https://doi.org/10.1038/s41592-019-0612-7), methods.
    """
    single = not isinstance(y_true, (list, tuple)) and np.ndim(y_true) == 2
    images = ([y_true], [y_pred]) if single else (list(y_true), list(y_pred))
    if len(images[0]) != len(images[1]) or not images[0]:
        rule = f"must hold as many images as `y_true`, {len(images[0])}, and at least one"
        _validation.fail("y_pred", rule, f"{len(images[1])} images")
    counts = [
        instance_counts(true, predicted, ignore_class=ignore_class, thresholds=thresholds)
        for true, predicted in zip(*images, strict=True)
    ]
    return float(score_of_counts(np.stack(counts)).mean())


def _map(name: str, value: ArrayLike) -> np.ndarray:
    value = np.asarray(value)
    if value.ndim != 2 or value.dtype.kind not in "iub":
        _validation.fail(name, "must be an integer map (height, width) of instances", (value.shape, str(value.dtype)))
    return value


def _refuse_negative(name: str, numbers: np.ndarray, fix: str) -> None:
    """Refuse the numbers of void among pixels that count: each would be an instance."""
    if (numbers < 0).any():
        found = np.unique(numbers[numbers < 0])[:8].tolist()
        _validation.fail(name, "must hold numbers of at least 0 where pixels count", found, fix)


def _threshold(value: Any) -> float:
    value = _validation.number("thresholds", float(value))
    if not MATCHING_IOU <= value < 1:
        _validation.fail("thresholds", "must lie in [0.5, 1), where no instance can match two others", value)
    return value
