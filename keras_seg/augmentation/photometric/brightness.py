"""Brightness."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import LinearStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Brightness(LinearStep):
    """Multiply all values by 1 + a random factor.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest) in -1..1. Defaults to 0.2: values are
            multiplied by 0.8 to 1.2.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Brightness(0.2).factor
        (-0.2, 0.2)
    """

    def __init__(self, factor: Interval = 0.2, *, probability: float = 1.0) -> None:
        super().__init__(factor, limit=1.0, probability=probability)

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        gain = self._gain(ops, draws)
        return diagonal(ops, gain, channels), gain * 0.0
