"""Share of the pixels that are right."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.matrix_score import MatrixScore


@keras.saving.register_keras_serializable("keras_seg")
class PixelAccuracy(MatrixScore):
    """Share of all pixels seen so far that are right, `sum_c TP_c / pixels`.

    Ignored pixels are excluded; without any pixel it is NaN.

    Arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "pixel_accuracy".

    Returns:
        `result()`: a scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = PixelAccuracy(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 1, 255]]]), np.array([[[0, 1, 1, 1, 1]]]))
        >>> float(metric.result())
        0.75

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
    """

    _default_name = "pixel_accuracy"

    def _number(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.pixel_accuracy(matrix, ignore_class=self.ignore_class, xp=xp)
