"""Hue."""

import math

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import LinearStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Hue(LinearStep):
    """Rotate colors about the gray axis of the RGB cube. For RGB images.

    Gray stays gray, the sum of the three channels is kept, and a third of a turn makes red green, green blue and blue
    red. This is one matrix, unlike adding to the H of HSV, which treats the six sectors of the color circle separately;
    both agree at thirds of a turn and differ by a few degrees at most in between. Results outside 0..255 are clipped.

    Args:
        factor: float in 0..0.5, for both directions, or (smallest, largest) in -0.5..0.5. Rotation as a fraction of the
            full circle. Defaults to 0.02.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range; in use, images without three channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Hue(0.05).factor
        (-0.05, 0.05)
    """

    _needs_color = True

    def __init__(self, factor: Interval = 0.02, *, probability: float = 1.0) -> None:
        super().__init__(factor, limit=0.5, probability=probability)

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        angle = intervals.between(self.factor, draws[:, 1:2]) * (2.0 * math.pi)
        if self.probability < 1.0:
            angle = ops.where(self._active(draws)[:, None], angle, 0.0)
        # Rodrigues' formula, for rows.
        axis = 1.0 / math.sqrt(3.0)
        cross = ops.convert_to_tensor([[0.0, axis, -axis], [-axis, 0.0, axis], [axis, -axis, 0.0]], dtype="float32")
        cos = ops.cos(angle)
        matrix = diagonal(ops, cos, 3) + ops.sin(angle)[:, :, None] * cross + (1.0 - cos)[:, :, None] / 3.0
        return matrix, angle * 0.0
