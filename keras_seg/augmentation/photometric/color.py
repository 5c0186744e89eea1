"""Changes of the color of each pixel: brightness, contrast, saturation, hue, gamma."""

import math

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import LinearStep, Normal, PhotometricStep, diagonal


@keras.saving.register_keras_serializable("keras_seg")
class Brightness(LinearStep):
    """Multiply all values by 1 + a random factor.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest) in -1..1. Defaults to 0.2: values are
            multiplied by 0.8 to 1.2.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Brightness(0.2).factor
        (-0.2, 0.2)
    """

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        gain = self._gain(ops, draws)
        return diagonal(ops, gain, channels), gain * 0.0


@keras.saving.register_keras_serializable("keras_seg")
class Contrast(LinearStep):
    """Move all values away from the image's mean color, or toward it.

    The mean is that of the whole image before it is cropped and rotated.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest) in -1..1. The distance from the mean is
            multiplied by 1 + factor. Defaults to 0.2.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Contrast((-0.5, 0)).factor
        (-0.5, 0.0)
    """

    _uses_mean = True

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        gain = self._gain(ops, draws)
        return diagonal(ops, gain, channels), mean * (1.0 - gain)


# Luma weights of ITU-R BT.601, the gray that saturation is measured against.
_LUMA = (0.299, 0.587, 0.114)


@keras.saving.register_keras_serializable("keras_seg")
class Saturation(LinearStep):
    """Move the color of every pixel away from its own gray (luma of BT.601), or toward it. For RGB images.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest) in -1..1. The distance from gray is
            multiplied by 1 + factor; -1 gives gray. Defaults to 0.2.

    `probability` and errors: see `Augmentation`. In use, it also refuses images without three channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Saturation(0.3).factor
        (-0.3, 0.3)
    """

    _needs_color = True

    def _map(self, ops: Namespace, draws: Tensor, *, channels: int, mean: Tensor | None) -> tuple[Tensor, Tensor]:
        gain = self._gain(ops, draws)
        luma = ops.convert_to_tensor([[weight] * 3 for weight in _LUMA], dtype="float32")
        return diagonal(ops, gain, channels) + (1.0 - gain)[:, :, None] * luma, gain * 0.0


@keras.saving.register_keras_serializable("keras_seg")
class Hue(LinearStep):
    """Rotate colors about the gray axis of the RGB cube. For RGB images.

    Gray stays gray, the sum of the three channels is kept, and a third of a turn makes red green, green blue and blue
    red. This is one matrix, unlike adding to the H of HSV, which treats the six sectors of the color circle separately;
    both agree at thirds of a turn and differ by a few degrees at most in between.

    Args:
        factor: float in 0..0.5, for both directions, or (smallest, largest) in -0.5..0.5. Rotation as a fraction of the
            full circle. Defaults to 0.02.

    `probability` and errors: see `Augmentation`. In use, it also refuses images without three channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Hue(0.05).factor
        (-0.05, 0.05)
    """

    _needs_color = True
    _limit = 0.5

    def __init__(self, factor: Interval = 0.02, *, probability: float = 1.0) -> None:
        super().__init__(factor, probability=probability)

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


@keras.saving.register_keras_serializable("keras_seg")
class Gamma(PhotometricStep):
    """Raise all values to a power: 255 (x / 255)^gamma. Below 1 the shadows get lighter, above 1 darker.

    Values below 0 have no such power, and become 0.

    Args:
        gamma: (smallest, largest), drawn uniformly in the logarithm; one float g stands for (1 / g, g). Defaults to
            (0.8, 1.25).

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Gamma(2).gamma
        (0.5, 2.0)
    """

    def __init__(self, gamma: Interval = (0.8, 1.25), *, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.gamma = intervals.reciprocal("gamma", gamma)

    def _apply(self, ops: Namespace, image: Tensor, draws: Tensor, random: Normal) -> Tensor:
        low, high = (math.log(end) for end in self.gamma)
        gamma = ops.exp(low + draws[:, 1] * (high - low))[:, None, None, None]
        # Four times as fast as `power`, which must handle special cases. Black stays black, to within 1e-4.
        return ops.exp(gamma * ops.log(ops.maximum(image / 255.0, 1e-12))) * 255.0
