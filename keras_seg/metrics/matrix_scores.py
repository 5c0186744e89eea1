"""The four figures of the FCN paper, each one number of the confusion matrix."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_seg._types import Tensor
from keras_seg.metrics import scores
from keras_seg.metrics.confusion_matrix import ConfusionMatrix


class MatrixScore(ConfusionMatrix):
    """Base of the metrics whose result is one number of the confusion matrix; higher is better.

    A subclass names the function of the matrix that computes the number.
    """

    # Read by Keras callbacks such as ModelCheckpoint(mode="auto").
    _direction = "up"

    _function: Callable[..., Tensor]

    def _score(self, matrix: Tensor, xp: Any) -> Tensor:
        number = self._function(matrix, ignore_class=self.ignore_class, xp=xp)
        return ops.convert_to_tensor(number, dtype=self.dtype)


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
    _function = staticmethod(scores.mean_iou)


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
    _function = staticmethod(scores.mean_accuracy)


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
    _function = staticmethod(scores.pixel_accuracy)


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
    _function = staticmethod(scores.frequency_weighted_iou)
