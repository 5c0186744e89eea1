"""Saturation."""

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import LinearStep, diagonal

# Luma weights of ITU-R BT.601, the gray that saturation is measured against.
_LUMA = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable("keras_seg")
class Saturation(LinearStep):
    """Move the color of every pixel away from its own gray (luma of BT.601), or towards it. For RGB images.

    Args:
        change: the distance is multiplied by 1 + change: one number for both directions, or a pair (smallest, largest),
            -1..1; -1 gives gray. Defaults to 0.2.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range; in use, images without three channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Saturation(0.3).change
        (-0.3, 0.3)
    """

    draws = 1
    needs_color = True

    def __init__(self, change=0.2, *, probability=1.0):
        super().__init__(probability)
        self.change = intervals.symmetric("change", change, 1.0)

    def map(self, ops, draws, channels, mean):
        """See `LinearStep`."""
        factor = self.factor(ops, draws)
        luma = ops.convert_to_tensor([[weight] * 3 for weight in _LUMA], dtype="float32")
        return diagonal(ops, factor, channels) + (1.0 - factor)[:, :, None] * luma, factor * 0.0
