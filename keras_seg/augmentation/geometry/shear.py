"""Shearing."""

import math

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Shear(GeometricStep):
    """Shear about the center, along each axis independently.

    Args:
        angle: float in degrees below 45, for both directions, or (smallest, largest). Defaults to 10.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Shear((0, 20)).angle
        (0.0, 20.0)
    """

    _draws = 2

    def __init__(self, angle: Interval = 10.0, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        # At 45 degrees along both axes the picture collapses to a line.
        self.angle = intervals.symmetric("angle", angle, 44.0)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        x, y = (ops.tan(intervals.between(self.angle, draws[:, i]) * (math.pi / 180.0)) for i in (1, 2))
        return self._when(ops, draws, matrix_of(ops, ((1, x, 0), (y, 1, 0), (0, 0, 1)))), frame
