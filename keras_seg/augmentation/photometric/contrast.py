"""Contrast."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import LinearStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Contrast(LinearStep):
    """Move all values away from the image's mean color, or toward it.

    The mean is that of the whole image before it is cropped and rotated.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest) in -1..1. The distance from the mean is
            multiplied by 1 + factor. Defaults to 0.2.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Contrast((-0.5, 0)).factor
        (-0.5, 0.0)
    """

    _uses_mean = True

    def __init__(self, factor: Interval = 0.2, *, probability: float = 1.0) -> None:
        super().__init__(factor, limit=1.0, probability=probability)

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        gain = self._gain(ops, draws)
        return diagonal(ops, gain, channels), mean * (1.0 - gain)
