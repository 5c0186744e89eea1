"""Share of the pixels that are right."""

import keras
from keras import ops

from keras_seg.metrics import scores
from keras_seg.metrics.confusion_matrix import ConfusionMatrix


@keras.saving.register_keras_serializable("keras_seg")
class PixelAccuracy(ConfusionMatrix):
    """Share of all pixels seen so far that are right, `sum_c TP_c / pixels`, ignored pixels left out; NaN with none.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None.
        out_of_range: str, "raise" or "count", as for `ConfusionMatrix`. Defaults to "raise".
        name: str, name of the metric. Defaults to "pixel_accuracy".
        dtype: dtype of the result. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), as for `ConfusionMatrix`. Defaults to 0.5.
        from_logits: bool, as for `ConfusionMatrix`. Defaults to False.

    Call arguments:
        y_true, y_pred, sample_weight: as for `ConfusionMatrix`.

    Returns:
        `result()`: a scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit.

    Examples:
        >>> import numpy as np
        >>> metric = PixelAccuracy(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 1, 255]]]), np.array([[[0, 1, 1, 1, 1]]]))
        >>> float(metric.result())
        0.75

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
    """

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="pixel_accuracy",
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
        # What Keras callbacks such as ModelCheckpoint(mode="auto") look at.
        self._direction = "up"

    def _score(self, matrix, xp):
        return ops.convert_to_tensor(scores.accuracy_of_pixels(matrix, self.ignore_class, xp), dtype=self.dtype)
