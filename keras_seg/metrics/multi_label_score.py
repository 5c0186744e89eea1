"""IoU and its relatives for labels that a pixel may have at once, and for one label alone."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.metrics import scores
from keras_seg.metrics.class_score import by_class
from keras_seg.metrics.multi_label_confusion import MultiLabelConfusion

# Numerator and denominator from the counts of a class.
_SCORES = {
    "iou": lambda tn, fp, fn, tp: (tp, tp + fp + fn),
    "dice": lambda tn, fp, fn, tp: (2 * tp, 2 * tp + fp + fn),
    "precision": lambda tn, fp, fn, tp: (tp, tp + fp),
    "recall": lambda tn, fp, fn, tp: (tp, tp + fn),
    "accuracy": lambda tn, fp, fn, tp: (tn + tp, tn + fp + fn + tp),
}


@keras.saving.register_keras_serializable("keras_seg")
class MultiLabelScore(MultiLabelConfusion):
    """A score of classes that do not exclude one another, of all pixels seen so far; of one class, a binary score.

    With TP, FP, FN, TN of a class over the data set: "iou" `TP / (TP + FP + FN)`, "dice" `2 TP / (2 TP + FP + FN)`,
    "precision" `TP / (TP + FP)`, "recall" `TP / (TP + FN)`, "accuracy" `(TP + TN) / all`; then the mean over the
    classes, or each of them. NaN, and left out of the mean, is a class with a denominator of 0. The background is no
    class: it never enters.

    Args:
        num_classes: int >= 1, the channels; 1 for a binary task.
        score: str, "iou", "dice", "precision", "recall" or "accuracy". Defaults to "iou".
        ignore_class: None, int or sequence of int, labels other than 0 and 1 of entries to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        name: None or str, name of the metric. Defaults to None, for "multi_label_" and the score, or "binary_" and the
            score of one class.
        dtype: dtype of the result. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), or a sequence of one for each class. Defaults to 0.5.
        from_logits: bool, `y_pred` holds logits. Defaults to False.
        per_class: bool, give the score of each class by name instead of their mean. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `MultiLabelConfusion`.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from name + "_" + class name to scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels, probabilities or weights that do not fit.

    Examples:
        >>> import numpy as np
        >>> metric = MultiLabelScore(num_classes=1, score="iou", ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 1, 255]]]), np.array([[[[0.1], [0.6], [0.7], [0.9], [0.9]]]]))
        >>> round(float(metric.result()), 4)
        0.6667
    """

    def __init__(
        self,
        num_classes,
        *,
        score="iou",
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name=None,
        dtype=None,
        threshold=0.5,
        from_logits=False,
        per_class=False,
    ):
        self.score = _validation.one_of("score", score, _SCORES)
        if name is None:
            name = f"binary_{score}" if num_classes == 1 else f"multi_label_{score}"
        super().__init__(
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            out_of_range=out_of_range,
            name=name,
            dtype=dtype,
            threshold=threshold,
            from_logits=from_logits,
        )
        self.per_class = _validation.boolean("per_class", per_class)
        # What Keras callbacks such as ModelCheckpoint(mode="auto") look at.
        self._direction = "up"

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "score": self.score, "per_class": self.per_class}

    def _score(self, matrices, xp):
        cells = (matrices[:, 0, 0], matrices[:, 0, 1], matrices[:, 1, 0], matrices[:, 1, 1])
        values = scores.ratio(*_SCORES[self.score](*cells), xp)
        if self.per_class:
            return by_class(f"{self.name}_", values, self.class_names, ignore_class=(), dtype=self.dtype)
        return ops.convert_to_tensor(scores.mean_of_defined(values, xp), dtype=self.dtype)
