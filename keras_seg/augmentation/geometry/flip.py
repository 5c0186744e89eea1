"""Mirroring."""

from typing import Literal

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.namespace import Namespace

DIRECTIONS = ("horizontal", "vertical", "both")
Direction = Literal["horizontal", "vertical", "both"]


@keras.saving.register_keras_serializable("keras_seg")
class Flip(GeometricStep):
    """Mirror images, an exact permutation of the pixels.

    Args:
        direction: "horizontal" (left and right change places), "vertical", or "both", drawn independently. Defaults to
            "horizontal".
        probability: float in 0..1, of each mirroring. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> augment = ks.augmentation.Augmentation([ks.augmentation.Flip(probability=1.0)])
        >>> mask = np.array([[1, 2, 3]])
        >>> _, mirrored = augment(np.zeros((1, 3, 3)), mask, seed=0)
        >>> np.asarray(mirrored).tolist()
        [[3, 2, 1]]
    """

    _draws = 1
    _keeps_axes = True
    _whole_pixels = True
    _stays_inside = True

    def __init__(self, direction: Direction = "horizontal", *, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.direction = _validation.one_of("direction", direction, DIRECTIONS)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        x = ops.where(draws[:, 0] < self.probability, -1.0, 1.0) if self.direction != "vertical" else 1.0
        y = ops.where(draws[:, 1] < self.probability, -1.0, 1.0) if self.direction != "horizontal" else 1.0
        return matrix_of(ops, ((x, 0, 0), (0, y, 0), (0, 0, 1))), frame
