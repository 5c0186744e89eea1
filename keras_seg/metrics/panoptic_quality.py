"""Panoptic quality: segments found, times how well."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg.metrics import scores
from keras_seg.metrics.segment_overlaps import overlaps


@dataclasses.dataclass(frozen=True, kw_only=True)
class PanopticQuality:
    """Sums of one or more images, from which the panoptic quality is read; adding two of them pools their images.

    Attributes:
        iou: float array (classes,), sum of the intersection over union of the matched segments.
        found: int64 array (classes,), matched segments, TP.
        made_up: int64 array (classes,), predicted segments that match none, FP.
        missed: int64 array (classes,), true segments that match none, FN.
    """

    iou: np.ndarray
    found: np.ndarray
    made_up: np.ndarray
    missed: np.ndarray

    @property
    def quality(self):
        """PQ of each class, `sum of IoU / (TP + FP / 2 + FN / 2)`; NaN for a class without a segment."""
        return scores.ratio(self.iou, self.found + self.made_up / 2 + self.missed / 2, np)

    @property
    def segmentation_quality(self):
        """SQ of each class, the mean IoU of the matched segments; NaN for a class without one."""
        return scores.ratio(self.iou, self.found, np)

    @property
    def recognition_quality(self):
        """RQ of each class, `TP / (TP + FP / 2 + FN / 2)`; NaN for a class without a segment."""
        return scores.ratio(self.found, self.found + self.made_up / 2 + self.missed / 2, np)

    @property
    def mean(self):
        """Mean of `quality` over the classes that have one."""
        return float(scores.mean_of_defined(self.quality, np))

    def __add__(self, other):
        return PanopticQuality(
            iou=self.iou + other.iou,
            found=self.found + other.found,
            made_up=self.made_up + other.made_up,
            missed=self.missed + other.missed,
        )


def panoptic_quality(
    true_classes, true_instances, predicted_classes, predicted_instances, *, num_classes, ignore_class=None
):
    """Panoptic quality of one image; add the results of several.

    A segment is the pixels of one class and one instance number; classes without instances have one number. Segments
    of one class match when their intersection over union exceeds 0.5, which is possible for one partner only. As in the
    paper, ignored pixels of the truth count in no union, and a predicted segment that matches none and is ignored by
    more than half is not counted.

    Args:
        true_classes: int array (height, width), class ids.
        true_instances: int array (height, width), numbers of instances, at least 0.
        predicted_classes: int array (height, width), class ids; ignored labels stand for no prediction.
        predicted_instances: int array (height, width), numbers of instances, at least 0.
        num_classes: int >= 1.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.

    Returns:
        A `PanopticQuality`.

    Raises:
        InputError: for maps that do not fit, and ids that are neither a class nor ignored.

    Examples:
        >>> import numpy as np
        >>> classes, predicted = np.zeros((10, 10), int), np.zeros((10, 10), int)
        >>> classes[2:6, 2:6], predicted[2:6, 2:5] = 1, 1
        >>> result = panoptic_quality(classes, classes, predicted, predicted, num_classes=2)
        >>> result.quality.round(4)  # 84/88 and 12/16
        array([0.9545, 0.75  ])

    Reference:
        - [Kirillov et al., 2019](https://arxiv.org/abs/1801.00868), section 4.
    """
    num_classes = _validation.integer("num_classes", num_classes)
    ignored = _validation.ignored_classes(ignore_class)
    maps = {
        "true_classes": true_classes,
        "true_instances": true_instances,
        "predicted_classes": predicted_classes,
        "predicted_instances": predicted_instances,
    }
    maps = {name: _map(name, value, np.shape(true_classes)) for name, value in maps.items()}
    segments, stride = [], 1 + max(maps["true_instances"].max(), maps["predicted_instances"].max())
    for side in ("true", "predicted"):
        classes, instances = maps[f"{side}_classes"], maps[f"{side}_instances"]
        counted = (classes >= 0) & (classes < num_classes) & ~np.isin(classes, ignored)
        stray = ~counted & ~np.isin(classes, ignored)
        if stray.any():
            found = np.unique(classes[stray])[:8].tolist()
            rule = f"holds labels that are neither a class, 0 to {num_classes - 1}, nor ignored"
            _validation.fail(f"{side}_classes", rule, found, "Pass them as ignore_class, or correct the maps.")
        segments.append(np.where(counted, classes * stride + instances, -1))
    true_ids, predicted_ids, pixels = overlaps(*segments)
    true_sizes, predicted_sizes = pixels.sum(axis=1), pixels.sum(axis=0)
    # The first row is what is ignored, where there is any.
    void = pixels[true_ids < 0].sum(axis=0)
    union = true_sizes[:, None] + (predicted_sizes - void) - pixels
    of_true, of_predicted = true_ids // stride, predicted_ids // stride
    same = (of_true[:, None] == of_predicted) & (true_ids >= 0)[:, None] & (predicted_ids >= 0)
    iou = np.where(same, pixels / np.maximum(union, 1), 0.0)
    match = iou > 0.5
    missed = (true_ids >= 0) & ~match.any(axis=1)
    made_up = (predicted_ids >= 0) & ~match.any(axis=0) & ~(void > predicted_sizes / 2)

    def per_class(classes, values=None):
        return np.bincount(classes, values, minlength=num_classes)

    rows, columns = np.nonzero(match)
    return PanopticQuality(
        iou=per_class(of_true[rows], iou[rows, columns]),
        found=per_class(of_true[rows]),
        made_up=per_class(of_predicted[made_up]),
        missed=per_class(of_true[missed]),
    )


def _map(name, value, shape):
    value = np.asarray(value)
    if value.ndim != 2 or value.dtype.kind not in "iub" or value.shape != shape:
        rule = "must be an integer map (height, width), of the size of `true_classes`"
        _validation.fail(name, rule, (value.shape, str(value.dtype)))
    if not value.size:
        _validation.fail(name, "must hold pixels", value.shape)
    if name.endswith("instances") and value.min() < 0:
        _validation.fail(name, "must hold numbers of at least 0", int(value.min()))
    return value.astype("int64")
