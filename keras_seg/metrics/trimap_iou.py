"""Intersection over union near the boundaries of the truth."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import boundaries, scores
from keras_seg.metrics.class_score import MatrixClassScore


@keras.saving.register_keras_serializable("keras_seg")
class TrimapIoU(MatrixClassScore):
    """Intersection over union of all pixels seen so far that lie near a boundary of the truth.

    Only pixels with another label of the truth within `width` rows and columns count, on either side of the boundary;
    all others, and ignored pixels, are excluded, and the IoU is that of `MeanIoU`. As `width` grows it becomes
    `MeanIoU` of the images that have a boundary. The rim of an ignored region is a boundary, as in data sets that draw
    boundaries as void; the border of the image is not. A class neither in the truth nor predicted there gets NaN and is
    excluded from the mean.

    Args:
        num_classes: int >= 2.
        per_class: bool. Return the score of each class by name instead of their mean. Defaults to False.
        width: int >= 1. Distance from a boundary up to which pixels count, in pixels. Defaults to 5.

    Other arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "trimap_iou".

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "trimap_iou_" + class name to scalar tensor.

    Examples:
        >>> import numpy as np
        >>> true, predicted = np.array([[[0] * 20 + [1] * 20]]), np.array([[[0] * 22 + [1] * 18]])
        >>> metric = TrimapIoU(num_classes=2, width=5)
        >>> metric.update_state(true, predicted)
        >>> round(float(metric.result()), 4)  # 5/7 and 3/5, where the IoU of everything is 20/22 and 18/20
        0.6571

    Reference:
        - [Kohli et al., 2009](https://doi.org/10.1007/s11263-008-0202-0), section 5.2.
        - [Kraehenbuehl & Koltun, 2011](https://arxiv.org/abs/1210.5644), section 5.
    """

    _default_name = "trimap_iou"

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
        per_class: bool = False,
        width: int = 5,
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
            per_class=per_class,
            out_of_range=out_of_range,
        )
        self.width = _validation.integer("width", width)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "width": self.width}

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "width": self.width}

    def _cells(self, true: Tensor, predicted: Tensor) -> Tensor:
        near = boundaries.band(true, self.width, image_border=False)
        return ops.where(near, super()._cells(true, predicted), self._ignored)

    def _class_scores(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.iou_per_class(matrix, ignore_class=self.ignore_class, xp=xp)
