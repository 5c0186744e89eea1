"""What the metrics that are one number of the confusion matrix have in common."""

from typing import Any

from keras import ops

from keras_seg._types import Tensor
from keras_seg.metrics.confusion_matrix import ConfusionMatrix


class MatrixScore(ConfusionMatrix):
    """Base of the metrics whose result is one number of the confusion matrix; higher is better.

    A subclass computes the number in `_number`.
    """

    # Read by Keras callbacks such as ModelCheckpoint(mode="auto").
    _direction = "up"

    def _number(self, matrix: Tensor, xp: Any) -> Tensor:
        raise NotImplementedError

    def _score(self, matrix: Tensor, xp: Any) -> Tensor:
        return ops.convert_to_tensor(self._number(matrix, xp), dtype=self.dtype)
