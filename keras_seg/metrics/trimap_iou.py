"""Intersection over union near the boundaries of the truth."""

import keras
from keras import ops

from keras_seg import _validation
from keras_seg.metrics import boundaries, scores
from keras_seg.metrics.class_score import ClassScore


@keras.saving.register_keras_serializable("keras_seg")
class TrimapIoU(ClassScore):
    """Intersection over union of all pixels seen so far that lie near a boundary of the truth.

    Counted are the pixels with another label of the truth within `width` rows and columns, on either side of the
    boundary; all others, and ignored pixels, are left out, and the IoU is that of `MeanIoU`. As `width` grows it
    becomes `MeanIoU` of the images that have a boundary. The rim of an ignored region is a boundary, as in data sets
    that draw boundaries as void; the border of the image is none. NaN, and left out of the mean, is a class neither in
    truth nor predicted there.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        name: str, name of the metric. Defaults to "trimap_iou".
        dtype: dtype of the result. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), as for `ConfusionMatrix`. Defaults to 0.5.
        per_class: bool, give the score of each class by name instead of their mean. Defaults to False.
        width: int >= 1, how far from a boundary pixels are counted, in pixels. Defaults to 5.
        from_logits: bool, as for `ConfusionMatrix`. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `ConfusionMatrix`.

    Returns:
        `result()`: a scalar tensor; with `per_class` a dict from "trimap_iou_" + class name to scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit.

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

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="trimap_iou",
        dtype=None,
        threshold=0.5,
        per_class=False,
        width=5,
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
            per_class=per_class,
            from_logits=from_logits,
        )
        self.width = _validation.integer("width", width)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "width": self.width}

    def _counted(self):
        return {**super()._counted(), "width": self.width}

    def _cells(self, true, predicted):
        near = boundaries.band(true, self.width, image_border=False)
        return ops.where(near, super()._cells(true, predicted), self._ignored)

    def _class_scores(self, matrix, xp):
        return scores.class_ious(matrix, self.ignore_class, xp)
