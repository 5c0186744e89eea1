"""Turning by any angle."""

import math

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of


@keras.saving.register_keras_serializable("keras_seg")
class Rotate(GeometricStep):
    """Turn about the center.

    Args:
        angle: degrees, clockwise: one number for both directions, or a pair (smallest, largest). Defaults to 15.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Rotate(15).angle
        (-15.0, 15.0)
    """

    draws = 1

    def __init__(self, angle=15.0, *, probability=1.0):
        super().__init__(probability)
        self.angle = intervals.symmetric("angle", angle, 360.0)

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        angle = intervals.between(self.angle, draws[:, 1]) * (math.pi / 180.0)
        cos, sin = ops.cos(angle), ops.sin(angle)
        # From the result back to the input: by the opposite angle. With y down, this is clockwise.
        matrix = matrix_of(ops, ((cos, sin, 0), (-sin, cos, 0), (0, 0, 1)))
        return self.when(ops, draws, matrix), frame
