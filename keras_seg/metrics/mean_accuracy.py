"""Mean over the classes of the share of each that is right."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.matrix_score import MatrixScore


@keras.saving.register_keras_serializable("keras_seg")
class MeanAccuracy(MatrixScore):
    """Mean over the classes in the truth of the share of each that is right, of all pixels seen so far.

    `TP_c / (TP_c + FN_c)`, averaged: the mean of `Recall`. It ignores false positives, so a model that over-predicts
    rare classes scores well. Ignored classes and those not in the truth are excluded; with no class left it is NaN.

    Arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "mean_accuracy".

    Returns:
        `result()`: a scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = MeanAccuracy(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 0, 1, 255]]]), np.array([[[0, 0, 1, 1, 1]]]))
        >>> round(float(metric.result()), 4)  # 2/3 and 1/1
        0.8333

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
    """

    _default_name = "mean_accuracy"

    def _number(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.mean_accuracy(matrix, ignore_class=self.ignore_class, xp=xp)
