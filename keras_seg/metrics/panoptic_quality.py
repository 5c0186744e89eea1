"""Panoptic quality: how many segments match, and how well."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.metrics.ratios import mean_of_defined, ratio
from keras_seg.metrics.segment_matching import MATCHING_IOU, overlaps


@dataclasses.dataclass(frozen=True, kw_only=True)
class PanopticQuality:
    """Sums over one or more images, from which the panoptic quality is computed; adding two of them pools their images.

    Attributes:
        iou: float array (classes,). Sum of the intersection over union of the matched segments.
        true_positives: int64 array (classes,). Matched segments.
        false_positives: int64 array (classes,). Predicted segments without a match.
        false_negatives: int64 array (classes,). True segments without a match.
    """

    iou: np.ndarray
    true_positives: np.ndarray
    false_positives: np.ndarray
    false_negatives: np.ndarray

    @property
    def quality(self) -> np.ndarray:
        """PQ of each class, `sum of IoU / (TP + FP / 2 + FN / 2)`; NaN for a class without a segment."""
        return ratio(self.iou, self._segments, np)

    @property
    def segmentation_quality(self) -> np.ndarray:
        """SQ of each class, the mean IoU of the matched segments; NaN for a class without one."""
        return ratio(self.iou, self.true_positives, np)

    @property
    def recognition_quality(self) -> np.ndarray:
        """RQ of each class, `TP / (TP + FP / 2 + FN / 2)`; NaN for a class without a segment."""
        return ratio(self.true_positives, self._segments, np)

    @property
    def mean(self) -> float:
        """Mean of `quality` over the classes that have one."""
        return float(mean_of_defined(self.quality, np))

    @property
    def _segments(self) -> np.ndarray:
        return self.true_positives + self.false_positives / 2 + self.false_negatives / 2

    def __add__(self, other: "PanopticQuality") -> "PanopticQuality":
        return PanopticQuality(
            iou=self.iou + other.iou,
            true_positives=self.true_positives + other.true_positives,
            false_positives=self.false_positives + other.false_positives,
            false_negatives=self.false_negatives + other.false_negatives,
        )


def panoptic_quality(
    y_true: tuple[ArrayLike, ArrayLike],
    y_pred: tuple[ArrayLike, ArrayLike],
    *,
    num_classes: int,
    ignore_class: IgnoreClass = None,
) -> PanopticQuality:
    """Panoptic quality of one image; add the results of several.

    A segment is the pixels of one class and one instance number; classes without instances have one number. Segments of
    one class match when their intersection over union exceeds 0.5, which is possible for one partner only. As in the
    paper, ignored pixels of the truth count in no union, and a predicted segment without a match is not counted if more
    than half of it is ignored.

    Args:
        y_true: pair (classes, instances) of int arrays (height, width). Class ids, and numbers of instances of at least
            0.
        y_pred: the same pair of the prediction; ignored labels stand for no prediction.
        num_classes: int >= 1.
        ignore_class: None, int or sequence of int. Labels of pixels to leave out. Defaults to None.

    Returns:
        A `PanopticQuality`.

    Raises:
        InputError: for maps that do not fit, and ids that are neither a class nor ignored.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.zeros((10, 10), int), np.zeros((10, 10), int)
        >>> true[2:6, 2:6], predicted[2:6, 2:5] = 1, 1
        >>> result = panoptic_quality((true, true), (predicted, predicted), num_classes=2)
        >>> result.quality.round(4)  # 84/88 and 12/16
        array([0.9545, 0.75  ])

    Reference:
        - [Kirillov et al., 2019](https://arxiv.org/abs/1801.00868), section 4.
    """
    num_classes = _validation.integer("num_classes", num_classes)
    ignored = _validation.ignored_classes(ignore_class)
    pairs = {name: _pair(name, value) for name, value in (("y_true", y_true), ("y_pred", y_pred))}
    shape = np.shape(pairs["y_true"][0])
    maps = {name: [_map(f"{name}[{part}]", pair[part], shape) for part in (0, 1)] for name, pair in pairs.items()}
    segments, stride = [], 1 + max(instances.max() for _, instances in maps.values())
    for name, (classes, instances) in maps.items():
        counted = (classes >= 0) & (classes < num_classes) & ~np.isin(classes, ignored)
        stray = ~counted & ~np.isin(classes, ignored)
        if stray.any():
            found = np.unique(classes[stray])[:8].tolist()
            rule = f"holds labels that are neither a class, 0 to {num_classes - 1}, nor ignored"
            _validation.fail(f"{name}[0]", rule, found, "Pass them as ignore_class, or correct the maps.")
        segments.append(np.where(counted, classes * stride + instances, -1))
    true_ids, predicted_ids, pixels = overlaps(*segments)
    true_sizes, predicted_sizes = pixels.sum(axis=1), pixels.sum(axis=0)
    # The first row holds the ignored pixels, if there are any.
    void = pixels[true_ids < 0].sum(axis=0)
    union = true_sizes[:, None] + (predicted_sizes - void) - pixels
    of_true, of_predicted = true_ids // stride, predicted_ids // stride
    same = (of_true[:, None] == of_predicted) & (true_ids >= 0)[:, None] & (predicted_ids >= 0)
    iou = np.where(same, pixels / np.maximum(union, 1), 0.0)
    match = iou > MATCHING_IOU
    missed = (true_ids >= 0) & ~match.any(axis=1)
    spurious = (predicted_ids >= 0) & ~match.any(axis=0) & ~(void > predicted_sizes / 2)

    def per_class(classes: np.ndarray, values: np.ndarray | None = None) -> np.ndarray:
        return np.bincount(classes, values, minlength=num_classes)

    rows, columns = np.nonzero(match)
    return PanopticQuality(
        iou=per_class(of_true[rows], iou[rows, columns]),
        true_positives=per_class(of_true[rows]),
        false_positives=per_class(of_predicted[spurious]),
        false_negatives=per_class(of_true[missed]),
    )


def _pair(name: str, value: tuple[ArrayLike, ArrayLike]) -> tuple[ArrayLike, ArrayLike]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        found = np.shape(value) if hasattr(value, "shape") else type(value).__name__
        _validation.fail(name, "must be a pair (classes, instances) of maps", found)
    return value[0], value[1]


def _map(name: str, value: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    value = np.asarray(value)
    if value.ndim != 2 or value.dtype.kind not in "iub" or value.shape != shape:
        rule = "must be an integer map (height, width), of the size of `y_true[0]`"
        _validation.fail(name, rule, (value.shape, str(value.dtype)))
    if not value.size:
        _validation.fail(name, "must hold pixels", value.shape)
    if name.endswith("[1]") and value.min() < 0:
        _validation.fail(name, "must hold numbers of at least 0", int(value.min()))
    return value.astype("int64")
