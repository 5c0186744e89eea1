"""Saturation."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import LinearStep, diagonal

# Luma weights of ITU-R BT.601, the gray that saturation is measured against.
_LUMA = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable("keras_seg")
class Saturation(LinearStep):
    """Move the color of every pixel away from its own gray (luma of BT.601), or toward it. For RGB images.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest) in -1..1. The distance from gray is
            multiplied by 1 + factor; -1 gives gray. Defaults to 0.2.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range; in use, images without three channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Saturation(0.3).factor
        (-0.3, 0.3)
    """

    _needs_color = True

    def __init__(self, factor: Interval = 0.2, *, probability: float = 1.0) -> None:
        super().__init__(factor, limit=1.0, probability=probability)

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        gain = self._gain(ops, draws)
        luma = ops.convert_to_tensor([[weight] * 3 for weight in _LUMA], dtype="float32")
        return diagonal(ops, gain, channels) + (1.0 - gain)[:, :, None] * luma, gain * 0.0
