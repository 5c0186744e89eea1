"""Mean intersection over union."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.matrix_score import MatrixScore


@keras.saving.register_keras_serializable("keras_seg")
class MeanIoU(MatrixScore):
    """Mean over the classes of the intersection over union of all pixels seen so far.

    `IoU_c = TP_c / (TP_c + FP_c + FN_c)` from one matrix for the whole data set, never a mean of batches. Ignored
    classes, and classes neither in the truth nor predicted, are excluded from the mean. With no class left it is NaN.

    Arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "mean_iou".

    Returns:
        `result()`: a scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = MeanIoU(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 255]]]), np.array([[[0, 1, 1, 1]]]))
        >>> float(metric.result())  # 1/2 and 1/2
        0.5

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
    """

    _default_name = "mean_iou"

    def _number(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.mean_iou(matrix, ignore_class=self.ignore_class, xp=xp)
