"""Rotation by any angle."""

import math

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Rotate(GeometricStep):
    """Rotate about the center.

    Args:
        angle: float in degrees, for both directions, or (smallest, largest), clockwise. Defaults to 15.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Rotate(15).angle
        (-15.0, 15.0)
    """

    _draws = 1

    def __init__(self, angle: Interval = 15.0, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.angle = intervals.symmetric("angle", angle, 360.0)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        angle = intervals.between(self.angle, draws[:, 1]) * (math.pi / 180.0)
        cos, sin = ops.cos(angle), ops.sin(angle)
        # From the result back to the input: by the opposite angle. With y down, this is clockwise.
        matrix = matrix_of(ops, ((cos, sin, 0), (-sin, cos, 0), (0, 0, 1)))
        return self._when(ops, draws, matrix), frame
