"""Slanting."""

import math

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of


@keras.saving.register_keras_serializable("keras_seg")
class Shear(GeometricStep):
    """Slant about the center, along both axes of their own accord.

    Args:
        angle: degrees below 45: one number for both directions, or a pair (smallest, largest). Defaults to 10.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Shear((0, 20)).angle
        (0.0, 20.0)
    """

    draws = 2

    def __init__(self, angle=10.0, *, probability=1.0):
        super().__init__(probability)
        # At 45 degrees along both axes the picture collapses to a line.
        self.angle = intervals.symmetric("angle", angle, 44.0)

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        x, y = (ops.tan(intervals.between(self.angle, draws[:, i]) * (math.pi / 180.0)) for i in (1, 2))
        return self.when(ops, draws, matrix_of(ops, ((1, x, 0), (y, 1, 0), (0, 0, 1)))), frame
