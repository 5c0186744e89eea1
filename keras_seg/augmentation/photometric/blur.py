"""Blur."""

import math

import keras

from keras_seg.augmentation import intervals
from keras_seg.augmentation.photometric.step import PhotometricStep


@keras.saving.register_keras_serializable("keras_seg")
class Blur(PhotometricStep):
    """Gaussian blur, mirrored at the border.

    The kernel reaches three times the largest standard deviation, and its weights add up to one.

    Args:
        sigma: standard deviation in pixels, 0..50: the largest one, or a pair (smallest, largest). Defaults to 1.5.
        probability: 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Blur(2).sigma
        (0.0, 2.0)
    """

    draws = 1

    def __init__(self, sigma=1.5, *, probability=0.5):
        super().__init__(probability)
        self.sigma = intervals.up_to("sigma", sigma, 0.0, 50.0)

    def apply(self, ops, image, draws, random):
        """See `PhotometricStep`."""
        radius = math.ceil(3.0 * self.sigma[1])
        sigma = ops.maximum(intervals.between(self.sigma, draws[:, 1]), 1e-3)
        offsets = ops.cast(ops.arange(2 * radius + 1, dtype="int32"), "float32") - float(radius)
        weights = ops.exp(-0.5 * (offsets[None, :] / sigma[:, None]) ** 2)
        weights = weights / ops.sum(weights, axis=1)[:, None]
        for axis in (1, 2):
            image = self._along(ops, image, weights, radius, axis)
        return image

    def _along(self, ops, image, weights, radius, axis):
        side = ops.shape(image)[axis]
        # Folded by hand: padding ends where the kernel is wider than the image. The middle is left as it is, as XLA
        # would look up each of its pixels.
        before = ops.mod(ops.arange(radius, dtype="int32") - radius, 2 * side)
        after = ops.mod(ops.arange(radius, dtype="int32") + side, 2 * side)
        ends = (ops.take(image, ops.minimum(at, 2 * side - 1 - at), axis=axis) for at in (before, after))
        first, last = ends
        image = ops.concatenate([first, image, last], axis=axis)
        total = 0.0
        for i in range(2 * radius + 1):
            part = image[:, i : i + side] if axis == 1 else image[:, :, i : i + side]
            total = total + weights[:, i][:, None, None, None] * part
        return total
