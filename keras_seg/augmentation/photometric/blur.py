"""Blur."""

import math

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import Normal, PhotometricStep


@keras.saving.register_keras_serializable("keras_seg")
class Blur(PhotometricStep):
    """Gaussian blur, mirrored at the border.

    The radius of the kernel is three times the largest standard deviation, and its weights add up to one.

    Args:
        sigma: float in 0..50, the largest standard deviation in pixels, or (smallest, largest). Defaults to 1.5.
        probability: float in 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Blur(2).sigma
        (0.0, 2.0)
    """

    _draws = 1

    def __init__(self, sigma: Interval = 1.5, *, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.sigma = intervals.up_to("sigma", sigma, 0.0, 50.0)

    def _apply(self, ops: Namespace, image: Tensor, draws: Tensor, random: Normal) -> Tensor:
        radius = math.ceil(3.0 * self.sigma[1])
        sigma = ops.maximum(intervals.between(self.sigma, draws[:, 1]), 1e-3)
        offsets = ops.cast(ops.arange(2 * radius + 1, dtype="int32"), "float32") - float(radius)
        weights = ops.exp(-0.5 * (offsets[None, :] / sigma[:, None]) ** 2)
        weights = weights / ops.sum(weights, axis=1)[:, None]
        for axis in (1, 2):
            image = _along(ops, image, weights, radius=radius, axis=axis)
        return image


def _along(ops: Namespace, image: Tensor, weights: Tensor, *, radius: int, axis: int) -> Tensor:
    """The image blurred along one axis."""
    side = ops.shape(image)[axis]
    # Folded by hand: `pad` fails where the kernel is wider than the image. The middle is copied as it is, as XLA would
    # look up each of its pixels.
    before = ops.mod(ops.arange(radius, dtype="int32") - radius, 2 * side)
    after = ops.mod(ops.arange(radius, dtype="int32") + side, 2 * side)
    first, last = (ops.take(image, ops.minimum(at, 2 * side - 1 - at), axis=axis) for at in (before, after))
    image = ops.concatenate([first, image, last], axis=axis)
    total = 0.0
    for i in range(2 * radius + 1):
        part = image[:, i : i + side] if axis == 1 else image[:, :, i : i + side]
        total = total + weights[:, i][:, None, None, None] * part
    return total
