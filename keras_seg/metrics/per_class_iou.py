"""Intersection over union of each class, by name."""

import keras

from keras_seg import _validation
from keras_seg.metrics import scores
from keras_seg.metrics.class_score import by_class
from keras_seg.metrics.confusion_matrix import ConfusionMatrix


@keras.saving.register_keras_serializable("keras_seg")
class PerClassIoU(ConfusionMatrix):
    """Intersection over union of each class over all pixels seen so far, by class name.

    `IoU_c = TP_c / (TP_c + FP_c + FN_c)`; NaN for a class neither in the truth nor predicted. Ignored classes are left
    out. Keras puts each entry among the logs of `fit` and `evaluate(return_dict=True)` under its own key ("sky",
    "val_sky"), without the name of the metric: `prefix` keeps two such metrics, or two outputs, apart.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        prefix: str, put before each class name in the result. Defaults to "".
        name: str, name of the metric. Defaults to "per_class_iou".
        dtype: dtype of the results. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), as for `ConfusionMatrix`. Defaults to 0.5.
        from_logits: bool, as for `ConfusionMatrix`. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `ConfusionMatrix`.

    Returns:
        `result()`: a dict from class name to scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit; when a result would be called "loss".

    Examples:
        >>> import numpy as np
        >>> metric = PerClassIoU(num_classes=2, class_names=("road", "sky"), ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 0, 1, 255]]]), np.array([[[0, 0, 1, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'road': 0.6667, 'sky': 0.5}
    """

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        prefix="",
        name="per_class_iou",
        dtype=None,
        threshold=0.5,
        from_logits=False,
    ):
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
        if not isinstance(prefix, str):
            _validation.fail("prefix", "must be a string", prefix)
        self.prefix = prefix
        if "loss" in {prefix + item for item in self.class_names}:
            rule = "must not give a result the name of the loss in Keras logs"
            _validation.fail("class_names", rule, "loss", 'Pass prefix="iou_".')

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "prefix": self.prefix}

    def _score(self, matrix, xp):
        ious = scores.class_ious(matrix, self.ignore_class, xp)
        return by_class(self.prefix, ious, self.class_names, ignore_class=self.ignore_class, dtype=self.dtype)
