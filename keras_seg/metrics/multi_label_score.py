"""IoU and its relatives for labels that a pixel may have at once, and for one label alone."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics.class_score import ClassScore
from keras_seg.metrics.multi_label_confusion import MultiLabelConfusion
from keras_seg.metrics.ratios import ratio

# Numerator and denominator from the counts of a class.
_SCORES = {
    "iou": lambda tn, fp, fn, tp: (tp, tp + fp + fn),
    "dice": lambda tn, fp, fn, tp: (2 * tp, 2 * tp + fp + fn),
    "precision": lambda tn, fp, fn, tp: (tp, tp + fp),
    "recall": lambda tn, fp, fn, tp: (tp, tp + fn),
    "accuracy": lambda tn, fp, fn, tp: (tn + tp, tn + fp + fn + tp),
}


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
        cells = (matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1])
        return self._mean_or_by_class(ratio(*_SCORES[self.score](*cells), xp), xp)
