"""Metrics for labels of which a pixel may have several at once, and for one label alone."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics.class_scores import ClassScore
from keras_seg.metrics.counting_metric import CountingMetric, fail_on_nan
from keras_seg.metrics.fusing import fused_histogram
from keras_seg.metrics.ratios import ratio


@keras.saving.register_keras_serializable("keras_seg")
class MultiLabelConfusion(CountingMetric):
    """For each class the matrix [[TN, FP], [FN, TP]] of all pixels seen so far, in exact integers.

    For classes that do not exclude one another, and with one class for a binary task. A class is predicted at a pixel
    when its probability exceeds the threshold of the class. An ignored label is ignored in its channel only; faults are
    handled as by `ConfusionMatrix`.

    Args:
        num_classes: int >= 1. The channels.
        ignore_class: None, int or sequence of int. Labels other than 0 and 1 of entries to leave out. Defaults to None.
        from_logits: bool. `y_pred` holds logits, compared with the logits of the thresholds. Defaults to False.
        threshold: float in (0, 1), or a sequence of one per class. Defaults to 0.5.

    Other arguments and errors: those of `ConfusionMatrix`. `name` defaults to "multi_label_confusion".

    Call arguments:
        y_true: 0, 1 or ignored labels (batch, height, width, classes); for one class also (batch, height, width).
        y_pred: probabilities, or logits, (batch, height, width, classes); masks of 0 and 1 or of truth values are
            probabilities. In eager execution, those outside [0, 1] are an error.
        sample_weight: None or a mask of zeros and ones, as for `ConfusionMatrix`.

    Returns:
        `result()`: a NumPy int64 array (classes, 2, 2). Inside a compiled graph a float32 tensor.

    Examples:
        >>> import numpy as np
        >>> metric = MultiLabelConfusion(num_classes=1, threshold=0.3)
        >>> metric.update_state(np.array([[[0, 0, 1, 1]]]), np.array([[[[0.1], [0.4], [0.4], [0.9]]]]))
        >>> metric.result()
        array([[[1, 1],
                [0, 2]]])
    """

    _default_name: str | None = "multi_label_confusion"
    _fewest_classes = 1

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: float | Sequence[float] = 0.5,
        class_names: Sequence[str] | None = None,
        out_of_range: str = "raise",
    ) -> None:
        ignored = _validation.ignored_classes(ignore_class)
        if 0 in ignored or 1 in ignored:
            rule = "must hold labels other than 0 and 1, which stand for no and yes here"
            _validation.fail("ignore_class", rule, ignored, "Leave pixels out by sample_weight.")
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignored,
            from_logits=from_logits,
            class_names=class_names,
            out_of_range=out_of_range,
        )
        self.threshold = _thresholds(threshold, self.num_classes)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "threshold": list(self.threshold)}

    @property
    def matrices(self) -> np.ndarray:
        """The counts so far, NumPy int64 (classes, 2, 2); without the checks of `result`."""
        return self._totals()[: self._ignored].reshape(-1, 2, 2)

    @property
    def _unscored_classes(self) -> tuple[int, ...]:
        return ()  # Ignored labels are values of a channel here, not channels.

    def _number_of_cells(self) -> int:
        return 4 * self.num_classes

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "threshold": self.threshold}

    def _count(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        if not self.from_logits and reading.is_concrete(y_pred):
            check_probabilities(y_pred)
        return fused_histogram(self._sort_labels, y_true, y_pred, weights, bins=self._bins)

    def _sort_labels(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        if len(y_pred.shape) != 4 or y_pred.shape[-1] != self.num_classes:
            rule = f"must be (batch, height, width, {self.num_classes}), the last dimension being num_classes"
            _validation.fail("y_pred", rule, tuple(y_pred.shape))
        true = self._labels(y_true)
        reading.check_sizes(y_true, y_pred)
        scores = ops.cast(y_pred, "float32")
        limits = [math.log(t / (1 - t)) for t in self.threshold] if self.from_logits else self.threshold
        called = ops.cast(scores > ops.convert_to_tensor(limits, dtype="float32"), "int32")
        bins = 4 * ops.arange(self.num_classes, dtype="int32") + 2 * true + called
        bins = ops.where(ops.isnan(scores), self._strays, bins)
        bins = ops.where(ops.logical_or(true < 0, true > 1), self._strays, bins)
        for item in self.ignore_class:
            bins = ops.where(true == item, self._ignored, bins)
        if weights is None:
            return bins
        weights = ops.expand_dims(weights, -1)
        return ops.where(weights == 1, bins, ops.where(weights == 0, self._ignored, self._fractional))

    def _labels(self, y_true: Tensor) -> Tensor:
        """Labels as int32 (batch, height, width, classes), negative and not ignored where there is a fraction."""
        if len(y_true.shape) == 3 and self.num_classes == 1:
            y_true = ops.expand_dims(y_true, -1)
        if len(y_true.shape) != 4 or y_true.shape[-1] != self.num_classes:
            also = " or (batch, height, width)" if self.num_classes == 1 else ""
            rule = f"must be (batch, height, width, {self.num_classes}){also}, 0 or 1 for each class"
            _validation.fail("y_true", rule, tuple(y_true.shape))
        return reading.whole(y_true, reading.no_label(self.ignore_class))

    def _result_of(self, cells: Tensor, xp: Any) -> Any:
        return self._score(xp.reshape(cells, (self.num_classes, 2, 2)), xp)

    def _score(self, matrices: Tensor, xp: Any) -> Any:
        """The result for the matrices of the classes."""
        return matrices

    def _name_strays(self, y_true: Tensor, y_pred: Tensor) -> None:
        values = np.unique(ops.convert_to_numpy(self._labels(y_true)))
        values = [int(value) for value in values if value not in (0, 1, *self.ignore_class)]
        if values:
            fix = "Pass them as ignore_class, or correct the masks (a negative one also stands for a fraction)."
            _validation.fail("y_true", "holds labels that are neither 0 or 1 nor ignored", values[:8], fix)
        fail_on_nan(ops.convert_to_numpy(ops.cast(y_pred, "float32")))


def check_probabilities(y_pred: Tensor) -> None:
    """Refuse probabilities outside [0, 1], as far as their values are known; NaN is found by the counting."""
    if "float" not in keras.backend.standardize_dtype(y_pred.dtype):
        y_pred = ops.cast(y_pred, "float32")  # TensorFlow does not compare masks of 0 and 1 with fractions.
    slack = reading.PROBABILITY_SLACK
    if ops.any(ops.logical_or(y_pred < -slack, y_pred > 1 + slack)):
        y_pred = ops.convert_to_numpy(ops.cast(y_pred, "float32"))
        found = [float(np.nanmin(y_pred)), float(np.nanmax(y_pred))]
        _validation.fail("y_pred", "must hold probabilities from 0 to 1", found, "For logits pass from_logits=True.")


def _thresholds(value: Any, num_classes: int) -> tuple[float, ...]:
    """One threshold per class."""
    values = tuple(value) if hasattr(value, "__iter__") and not isinstance(value, str) else (value,) * num_classes
    if len(values) != num_classes:
        _validation.fail("threshold", f"must be a number or hold {num_classes}, one per class", value)
    return tuple(_validation.open_share("threshold", item) for item in values)


# Numerator and denominator from the counts of a class.
_SCORES = {
    "iou": lambda tn, fp, fn, tp: (tp, tp + fp + fn),
    "dice": lambda tn, fp, fn, tp: (2 * tp, 2 * tp + fp + fn),
    "precision": lambda tn, fp, fn, tp: (tp, tp + fp),
    "recall": lambda tn, fp, fn, tp: (tp, tp + fn),
    "accuracy": lambda tn, fp, fn, tp: (tn + tp, tn + fp + fn + tp),
}


def label_scores(matrices: Tensor, score: str, xp: Any = np) -> Any:
    """A score of each matrix [[TN, FP], [FN, TP]], NaN where it is undefined; see `MultiLabelScore`.

    Args:
        matrices: counts (..., 2, 2).
        score: "iou", "dice", "precision", "recall" or "accuracy".
        xp: NumPy or `keras.ops`. Defaults to NumPy.
    """
    cells = (matrices[..., 0, 0], matrices[..., 0, 1], matrices[..., 1, 0], matrices[..., 1, 1])
    return ratio(*_SCORES[score](*cells), xp)


@keras.saving.register_keras_serializable("keras_seg")
class MultiLabelScore(ClassScore, MultiLabelConfusion):
    """A score of classes that do not exclude one another, of all pixels seen so far; of one class, a binary score.

    With TP, FP, FN, TN of a class over the data set: "iou" `TP / (TP + FP + FN)`, "dice" `2 TP / (2 TP + FP + FN)`,
    "precision" `TP / (TP + FP)`, "recall" `TP / (TP + FN)`, "accuracy" `(TP + TN) / all`; then the mean over the
    classes, or each of them. A class with a denominator of 0 gets NaN and is excluded from the mean. The background is
    not a class and never counts.

    Args:
        num_classes: int >= 1. The channels; 1 for a binary task.
        per_class: bool. Return the score of each class by name instead of their mean. Defaults to False.
        score: "iou", "dice", "precision", "recall" or "accuracy". Defaults to "iou".

    Other arguments, call arguments and errors: those of `MultiLabelConfusion`. `name` defaults to "multi_label_" and
    the score, or with one class "binary_" and the score.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from name + "_" + class name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = MultiLabelScore(num_classes=1, score="iou", ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 1, 255]]]), np.array([[[[0.1], [0.6], [0.7], [0.9], [0.9]]]]))
        >>> round(float(metric.result()), 4)
        0.6667
    """

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: float | Sequence[float] = 0.5,
        class_names: Sequence[str] | None = None,
        per_class: bool = False,
        score: str = "iou",
        out_of_range: str = "raise",
    ) -> None:
        self.score = _validation.one_of("score", score, _SCORES)
        super().__init__(
            num_classes,
            name=(f"binary_{score}" if num_classes == 1 else f"multi_label_{score}") if name is None else name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            threshold=threshold,
            class_names=class_names,
            per_class=per_class,
            out_of_range=out_of_range,
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "score": self.score}

    def _score(self, matrices: Tensor, xp: Any) -> Tensor | dict[str, Tensor]:
        return self._mean_or_by_class(label_scores(matrices, self.score, xp), xp)
