"""Gamma."""

import math

import keras

from keras_seg import _validation
from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import PhotometricStep


@keras.saving.register_keras_serializable("keras_seg")
class Gamma(PhotometricStep):
    """Raise all values to a power: 255 (x / 255)^gamma. Below 1 the shadows get lighter, above 1 darker.

    Args:
        gamma: (smallest, largest), drawn uniformly in the logarithm; one number g stands for (1 / g, g). Defaults to
            (0.8, 1.25).
        probability: 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Gamma(2).gamma
        (0.5, 2.0)
    """

    draws = 1

    def __init__(self, gamma=(0.8, 1.25), *, probability=1.0):
        super().__init__(probability)
        if not isinstance(gamma, (tuple, list)):
            gamma = _validation.number("gamma", gamma, 0.01, 100.0)
            gamma = (min(gamma, 1.0 / gamma), max(gamma, 1.0 / gamma))
        self.gamma = intervals.interval("gamma", gamma, 0.01, 100.0)

    def apply(self, ops, image, draws, random):
        """See `PhotometricStep`."""
        low, high = (math.log(end) for end in self.gamma)
        gamma = ops.exp(low + draws[:, 1] * (high - low))[:, None, None, None]
        # A fourth of the time of the power itself, which has cases to tell apart. Black stays black, to within 1e-4.
        return ops.exp(gamma * ops.log(ops.maximum(image / 255.0, 1e-12))) * 255.0
