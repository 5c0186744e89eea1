"""Shifting."""

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of


@keras.saving.register_keras_serializable("keras_seg")
class Translate(GeometricStep):
    """Shift along both axes, by whole pixels: alone it copies pixels instead of blurring them.

    Args:
        share: of the picture's width and height: one number for both directions, or a pair (smallest, largest).
            Defaults to 0.1.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Translate(0.25).share
        (-0.25, 0.25)
    """

    draws = 2
    whole_pixels = True

    def __init__(self, share=0.1, *, probability=1.0):
        super().__init__(probability)
        self.share = intervals.symmetric("share", share, 1.0)

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        x = ops.round(intervals.between(self.share, draws[:, 1]) * frame.width)
        y = ops.round(intervals.between(self.share, draws[:, 2]) * frame.height)
        return self.when(ops, draws, matrix_of(ops, ((1, 0, -x), (0, 1, -y), (0, 0, 1)))), frame
