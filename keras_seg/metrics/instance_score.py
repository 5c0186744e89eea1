"""How many instances were found, at several degrees of overlap."""

import numpy as np

from keras_seg import _validation
from keras_seg.metrics.segment_overlaps import counts_of_ious, instance_ious, score_of_counts

THRESHOLDS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))


def instance_counts(true, predicted, *, thresholds=THRESHOLDS, ignore_class=None):
    """Instances found, made up and missed in one image, at each threshold of the overlap.

    An instance is found when the intersection over union with a predicted one exceeds the threshold. From 0.5 on no
    instance can be so near two others, so there is nothing to assign.

    Args:
        true: int array (height, width), a number for each instance, 0 for none.
        predicted: the same.
        thresholds: sequence of floats in [0.5, 1). Defaults to 0.5, 0.55, ... 0.95.
        ignore_class: None, int or sequence of int, numbers in `true` of pixels to leave out of both maps. Defaults to
            None.

    Returns:
        int64 array (thresholds, 3): TP, FP, FN.

    Raises:
        InputError: for arguments that do not fit.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.zeros((20, 20), int), np.zeros((20, 20), int)
        >>> true[5:15, 2:12] = 1
        >>> predicted[5:15, 7:17] = 1  # IoU 50/150
        >>> instance_counts(true, predicted, thresholds=[0.5])
        array([[0, 1, 1]])
    """
    true, predicted = _map("true", true), _map("predicted", predicted)
    if true.shape != predicted.shape:
        _validation.fail("predicted", f"must have the shape of `true`, {true.shape}", predicted.shape)
    thresholds = np.array([_threshold(item) for item in np.ravel(thresholds)])
    if not len(thresholds):
        _validation.fail("thresholds", "must hold at least one number in [0.5, 1)", [])
    counted = ~np.isin(true, _validation.ignored_classes(ignore_class))
    _, iou = instance_ious(true[counted], predicted[counted])
    return counts_of_ious(iou, thresholds)


def instance_score(true, predicted, *, thresholds=THRESHOLDS, ignore_class=None):
    """Mean over thresholds of `TP / (TP + FP + FN)`, averaged over images: the score of the Data Science Bowl 2018.

    It is not the average precision of COCO, which ranks by confidence. An image with instances in neither map has 1.

    Args:
        true: int array (height, width), or a sequence of such, one for each image; a number for each instance, 0 for
            none.
        predicted: the same.
        thresholds: sequence of floats in [0.5, 1). Defaults to 0.5, 0.55, ... 0.95.
        ignore_class: None, int or sequence of int, numbers in `true` of pixels to leave out of both maps. Defaults to
            None.

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
    single = not isinstance(true, (list, tuple)) and np.ndim(true) == 2
    images = ([true], [predicted]) if single else (list(true), list(predicted))
    if len(images[0]) != len(images[1]) or not images[0]:
        rule = f"must hold as many images as `true`, {len(images[0])}, and at least one"
        _validation.fail("predicted", rule, f"{len(images[1])} images")
    counts = [instance_counts(*pair, thresholds, ignore_class) for pair in zip(*images, strict=True)]
    return float(score_of_counts(np.stack(counts)).mean())


def _map(name, value):
    value = np.asarray(value)
    if value.ndim != 2 or value.dtype.kind not in "iub":
        _validation.fail(name, "must be an integer map (height, width) of instances", (value.shape, str(value.dtype)))
    return value


def _threshold(value):
    value = _validation.number("thresholds", float(value))
    if not 0.5 <= value < 1:
        _validation.fail("thresholds", "must lie in [0.5, 1), where no instance can match two others", value)
    return value
