"""Noise."""

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import PhotometricStep


@keras.saving.register_keras_serializable("keras_seg")
class Noise(PhotometricStep):
    """Add normal noise, of its own for each pixel and channel.

    Args:
        sigma: standard deviation in gray levels of 0..255: the largest one, or a pair (smallest, largest). Defaults to
            8.
        probability: 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Noise((2, 8)).sigma
        (2.0, 8.0)
    """

    draws = 1

    def __init__(self, sigma=8.0, *, probability=0.5):
        super().__init__(probability)
        self.sigma = intervals.up_to("sigma", sigma, 0.0, 255.0)

    def apply(self, ops, image, draws, random):
        """See `PhotometricStep`."""
        sigma = intervals.between(self.sigma, draws[:, 1])[:, None, None, None]
        return image + sigma * random(ops.shape(image))
