"""Intersection over union, weighted by the frequency of each class."""

from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.matrix_score import MatrixScore


@keras.saving.register_keras_serializable("keras_seg")
class FrequencyWeightedIoU(MatrixScore):
    """Intersection over union of all pixels seen so far, each class weighted by its share of the truth.

    `sum_c T_c IoU_c / sum_c T_c` with `T_c` the pixels of class c in the truth. Dominated by large classes. Ignored
    classes are excluded; a class not in the truth has no weight. Without any pixel it is NaN.

    Arguments, call arguments and errors: those of `ConfusionMatrix`. `name` defaults to "frequency_weighted_iou".

    Returns:
        `result()`: a scalar tensor.

    Examples:
        >>> import numpy as np
        >>> metric = FrequencyWeightedIoU(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 0, 1, 255]]]), np.array([[[0, 0, 1, 1, 1]]]))
        >>> round(float(metric.result()), 4)  # (3 * 2/3 + 1 * 1/2) / 4
        0.625

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 5.
    """

    _default_name = "frequency_weighted_iou"

    def _number(self, matrix: Tensor, xp: Any) -> Tensor:
        return scores.frequency_weighted_iou(matrix, ignore_class=self.ignore_class, xp=xp)
