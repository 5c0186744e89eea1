"""Brightness."""

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import LinearStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Brightness(LinearStep):
    """Multiply all values by one factor.

    Args:
        change: the factor is 1 + change: one number for both directions, or a pair (smallest, largest), -1..1. Defaults
            to 0.2.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Brightness(0.2).change
        (-0.2, 0.2)
    """

    draws = 1

    def __init__(self, change=0.2, probability=1.0):
        super().__init__(probability)
        self.change = intervals.symmetric("change", change, 1.0)

    def map(self, ops, draws, channels, mean):
        """See `LinearStep`."""
        factor = self.factor(ops, draws)
        return diagonal(ops, factor, channels), factor * 0.0
