"""Hue."""

import math

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import LinearStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Hue(LinearStep):
    """Turn colors about the gray axis of the RGB cube. For RGB images.

    Gray stays gray, the sum of the three channels is kept, and a third of a turn makes red green, green blue and blue
    red. This is one matrix, unlike adding to the H of HSV, which treats the six sectors of the color circle by
    themselves; both agree at thirds of a turn and differ by at most some degrees between. Results outside 0..255 are
    clipped.

    Args:
        turn: part of the full circle: one number for both directions, or a pair (smallest, largest), -0.5..0.5.
            Defaults to 0.02.
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range; in use, images without three channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Hue(0.05).turn
        (-0.05, 0.05)
    """

    draws = 1
    needs_color = True

    def __init__(self, turn=0.02, *, probability=1.0):
        super().__init__(probability)
        self.turn = intervals.symmetric("turn", turn, 0.5)

    def map(self, ops, draws, channels, mean):
        """See `LinearStep`."""
        angle = intervals.between(self.turn, draws[:, 1:2]) * (2.0 * math.pi)
        if self.probability < 1.0:
            angle = ops.where(self.active(draws)[:, None], angle, 0.0)
        # Rodrigues' formula, for rows.
        axis = 1.0 / math.sqrt(3.0)
        cross = ops.convert_to_tensor([[0.0, axis, -axis], [-axis, 0.0, axis], [axis, -axis, 0.0]], dtype="float32")
        cos = ops.cos(angle)
        matrix = diagonal(ops, cos, 3) + ops.sin(angle)[:, :, None] * cross + (1.0 - cos)[:, :, None] / 3.0
        return matrix, angle * 0.0
