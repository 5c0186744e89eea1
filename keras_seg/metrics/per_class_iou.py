"""Intersection over union of each class, by name."""

from collections.abc import Sequence
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.confusion_matrix import ConfusionMatrix


@keras.saving.register_keras_serializable("keras_seg")
class PerClassIoU(ConfusionMatrix):
    """Intersection over union of each class over all pixels seen so far, by class name.

    `IoU_c = TP_c / (TP_c + FP_c + FN_c)`; NaN for a class neither in the truth nor predicted. Ignored classes are
    excluded. Keras puts each entry among the logs of `fit` and `evaluate(return_dict=True)` under its own key ("sky",
    "val_sky"), without the name of the metric: `prefix` keeps two such metrics, or two outputs, apart.

    Args:
        num_classes: int >= 2.
        prefix: str. Put before each class name in the result. Defaults to "".

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "per_class_iou".

    Returns:
        `result()`: a dict from class name to scalar tensor.

    Raises:
        InputError: when a result would be called "loss".

    Examples:
        >>> import numpy as np
        >>> metric = PerClassIoU(num_classes=2, class_names=("road", "sky"), ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 0, 1, 255]]]), np.array([[[0, 0, 1, 1, 1]]]))
        >>> {name: round(float(value), 4) for name, value in metric.result().items()}
        {'road': 0.6667, 'sky': 0.5}
    """

    _default_name = "per_class_iou"

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: float = 0.5,
        class_names: Sequence[str] | None = None,
        prefix: str = "",
        out_of_range: str = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            threshold=threshold,
            class_names=class_names,
            out_of_range=out_of_range,
        )
        if not isinstance(prefix, str):
            _validation.fail("prefix", "must be a string", prefix)
        self.prefix = prefix
        if "loss" in {prefix + item for item in self.class_names}:
            rule = "must not give a result the name of the loss in Keras logs"
            _validation.fail("class_names", rule, "loss", 'Pass prefix="iou_".')

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "prefix": self.prefix}

    def _score(self, matrix: Tensor, xp: Any) -> dict[str, Tensor]:
        return self._by_class(self.prefix, scores.iou_per_class(matrix, ignore_class=self.ignore_class, xp=xp))
