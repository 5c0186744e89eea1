"""Contrast."""

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import LinearStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Contrast(LinearStep):
    """Move all values away from the image's mean color, or towards it.

    The mean is that of the whole image before it is cropped and turned.

    Args:
        change: the distance is multiplied by 1 + change: one number for both directions, or a pair (smallest, largest),
            -1..1. Defaults to 0.2.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Contrast((-0.5, 0)).change
        (-0.5, 0.0)
    """

    draws = 1
    uses_mean = True

    def __init__(self, change=0.2, *, probability=1.0):
        super().__init__(probability)
        self.change = intervals.symmetric("change", change, 1.0)

    def map(self, ops, draws, channels, mean):
        """See `LinearStep`."""
        factor = self.factor(ops, draws)
        return diagonal(ops, factor, channels), mean * (1.0 - factor)
