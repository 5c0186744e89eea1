"""How often an exported file and Keras give a pixel the same class, and how well each does on ground-truth masks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass
from keras_seg.export.verification import same_classes
from keras_seg.metrics import ConfusionMatrix, scores

if TYPE_CHECKING:
    from keras_seg.export.request import Request

# How many of the images that agree least are named, and how many out-of-range labels.
_WORST = 5


def class_agreement(classes: Sequence[tuple[np.ndarray, ...]], request: "Request") -> dict[str, Any]:
    """The share of pixels of the same class, the least agreeing images and, with masks, the IoU of both, for a report.

    Args:
        classes: sequence of (classes from Keras, classes from the file), one pair per batch, as `class_map` gives them.
        request: the `Request` of the export.
    """
    # The last batch may have been filled up with its own images.
    total = sum(len(expected) for expected, _ in classes)
    count = total if request.images is None else len(request.images)
    overlapping = request.scores.overlapping
    same = [same_classes(*pair, overlapping=overlapping) for batch in classes for pair in zip(*batch, strict=True)]
    same = same[:count]
    agreements = [float(image.mean()) for image in same]
    worst = sorted(range(count), key=lambda image: agreements[image])[:_WORST]
    found: dict[str, Any] = {
        "agreement": float(sum(image.sum() for image in same) / sum(image.size for image in same)),
        "worst_images": tuple((image, agreements[image]) for image in worst),
    }
    if request.masks is not None:
        for name, side in (("keras_iou", 0), ("iou", 1)):
            found[name] = iou_per_class(
                np.concatenate([pair[side] for pair in classes])[:count],
                request.masks,
                num_classes=max(2, request.scores.channels),
                ignore_class=request.ignore_class,
            )
    return found


def check_labels(masks: Any, num_classes: int, ignore_class: IgnoreClass) -> None:
    """Fail for masks with out-of-range labels, before a file is written for them.

    Args:
        masks: int arrays (height, width), or one of (n, height, width). The ground truth.
        num_classes: int.
        ignore_class: int or sequence of ints. Labels to leave out.
    """
    ignored = _validation.ignored_classes(ignore_class)
    outside: set[float] = set()
    for mask in map(np.asarray, masks):
        if mask.dtype.kind not in "biuf":
            _validation.fail("masks", "must hold class ids", f"an array of {mask.dtype}")
        known = (mask >= 0) & (mask < num_classes)
        if mask.dtype.kind == "f":
            known &= mask == np.floor(mask)
        for label in ignored:
            known |= mask == label
        outside.update(np.unique(mask[~known])[:_WORST].tolist())
    if outside:
        rule = f"must hold class ids from 0 to {num_classes - 1} and labels of `ignore_class` only"
        fix = "Name the labels of void pixels in `ignore_class`, or correct the masks."
        _validation.fail("masks", rule, sorted(outside)[:_WORST], fix)


def iou_per_class(
    ids: np.ndarray, masks: Any, *, num_classes: int, ignore_class: IgnoreClass
) -> tuple[float | None, ...]:
    """The IoU of each class, None for a class that does not occur.

    Args:
        ids: int array (n, height, width). The predicted classes.
        masks: int array (n, height, width). The ground truth.
        num_classes: int.
        ignore_class: int or sequence of ints. Labels to leave out.
    """
    metric = ConfusionMatrix(num_classes, ignore_class=ignore_class)
    for mask, predicted in zip(np.asarray(masks), ids, strict=True):
        metric.update_state(mask[None], predicted[None].astype("int32"))
    values = scores.iou_per_class(metric.matrix, ignore_class=ignore_class)
    return tuple(None if np.isnan(value) else float(value) for value in values)
