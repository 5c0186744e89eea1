"""Noise."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import Normal, PhotometricStep


@keras.saving.register_keras_serializable("keras_seg")
class Noise(PhotometricStep):
    """Add normal noise, independently for each pixel and channel.

    Args:
        sigma: float, the largest standard deviation in gray levels of 0..255, or (smallest, largest). Defaults to 8.
        probability: float in 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Noise((2, 8)).sigma
        (2.0, 8.0)
    """

    _draws = 1

    def __init__(self, sigma: Interval = 8.0, *, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.sigma = intervals.up_to("sigma", sigma, 0.0, 255.0)

    def _apply(self, ops: Namespace, image: Tensor, draws: Tensor, random: Normal) -> Tensor:
        sigma = intervals.between(self.sigma, draws[:, 1])[:, None, None, None]
        return image + sigma * random(ops.shape(image))
