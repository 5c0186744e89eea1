"""Tilting."""

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of


@keras.saving.register_keras_serializable("keras_seg")
class Perspective(GeometricStep):
    """Tilt the picture's plane, so that one side comes nearer and the opposite side goes away.

    With a tilt of t, one side of the picture is shown (1 + t) / (1 - t) times as large as the other.

    Args:
        tilt: about each axis, below 0.5: one number for both directions, or a pair (smallest, largest). Defaults to
            0.1.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Perspective(0.2).tilt
        (-0.2, 0.2)
    """

    draws = 2
    projective = True

    def __init__(self, tilt=0.1, *, probability=1.0):
        super().__init__(probability)
        # Below 0.5 about both axes the plane's horizon stays outside the picture.
        self.tilt = intervals.symmetric("tilt", tilt, 0.49)

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        x = intervals.between(self.tilt, draws[:, 1]) * 2.0 / frame.width
        y = intervals.between(self.tilt, draws[:, 2]) * 2.0 / frame.height
        return self.when(ops, draws, matrix_of(ops, ((1, 0, 0), (0, 1, 0), (x, y, 1)))), frame
