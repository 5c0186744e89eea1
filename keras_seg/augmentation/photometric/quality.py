"""Losses of image quality: blur, noise, JPEG artifacts."""

import math
from collections.abc import Sequence

import keras

from keras_seg import _validation
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

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Blur(2).sigma
        (0.0, 2.0)
    """

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
    # Mirrored without `pad`, which fails where the kernel is wider than the image. The middle is copied, as XLA would
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


@keras.saving.register_keras_serializable("keras_seg")
class Noise(PhotometricStep):
    """Add normal noise, independently for each pixel and channel.

    Args:
        sigma: float, the largest standard deviation in gray levels of 0..255, or (smallest, largest). Defaults to 8.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Noise((2, 8)).sigma
        (2.0, 8.0)
    """

    def __init__(self, sigma: Interval = 8.0, *, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.sigma = intervals.up_to("sigma", sigma, 0.0, 255.0)

    def _apply(self, ops: Namespace, image: Tensor, draws: Tensor, random: Normal) -> Tensor:
        sigma = intervals.between(self.sigma, draws[:, 1])[:, None, None, None]
        return image + sigma * random(ops.shape(image))


# ITU-T T.81 (the JPEG standard), annex K, tables K.1 and K.2.
_LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *((99,) * 8,) * 4,
)
# RGB to YCbCr of JFIF, for rows, and back.
_TO_YCC = (
    (0.299, -0.168736, 0.5),
    (0.587, -0.331264, -0.418688),
    (0.114, 0.5, -0.081312),
)
_TO_RGB = ((1.0, 1.0, 1.0), (0.0, -0.344136, 1.772), (1.402, -0.714136, 0.0))


@keras.saving.register_keras_serializable("keras_seg")
class JPEG(PhotometricStep):
    """The loss of JPEG compression: cosine transforms of blocks of 8x8, rounded to multiples of the standard's tables.

    The image is not encoded and decoded, which only TensorFlow could do, and only on the CPU: only the rounding changes
    an image, and it runs inside a compiled model on every backend. Chroma keeps its resolution (4:4:4). For RGB and for
    gray images.

    Args:
        quality: (smallest, largest) of libjpeg's scale, 1..100, or one float that fixes it. Defaults to (40, 95).

    `probability` and errors: see `Augmentation`. In use, it also refuses images of two, four or more channels.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.JPEG((50, 90)).quality
        (50.0, 90.0)
    """

    def __init__(self, quality: Interval = (40, 95), *, probability: float = 0.5) -> None:
        super().__init__(probability)
        self.quality = intervals.interval("quality", quality, 1.0, 100.0)

    def _check(self, batch: dict[str, Tensor], ignore_class: Sequence[int]) -> None:
        channels = batch["image"].shape[-1]
        if channels not in (1, 3):
            _validation.fail(
                "image", "must have one or three channels for JPEG", f"{channels} channels", "Leave JPEG out."
            )

    def _apply(self, ops: Namespace, image: Tensor, draws: Tensor, random: Normal) -> Tensor:
        batch, height, width, channels = ops.shape(image)
        image = ops.clip(image, 0.0, 255.0)
        rows, columns = (height + 7) // 8, (width + 7) // 8
        # The border is repeated up to whole blocks, as encoders do.
        x = ops.take(image, ops.minimum(ops.arange(8 * rows, dtype="int32"), height - 1), axis=1)
        x = ops.take(x, ops.minimum(ops.arange(8 * columns, dtype="int32"), width - 1), axis=2)
        # Whole gray levels before and after each step, as in encoders and decoders.
        x = ops.round(x) - 128.0
        if channels == 3:
            # The gray axis is shifted by 128, which the matrices leave alone, as their rows for Cb and Cr add up to 0.
            x = ops.round(ops.matmul(x, ops.convert_to_tensor(_TO_YCC, dtype="float32")))
        blocks = ops.reshape(x, (batch, rows, 8, columns, 8, channels))
        blocks = ops.transpose(blocks, (0, 1, 3, 5, 2, 4))
        cosines = ops.convert_to_tensor(_cosines(), dtype="float32")
        back = ops.transpose(cosines, (1, 0))
        table = self._tables(ops, draws, channels)
        spectrum = ops.matmul(ops.matmul(cosines, blocks), back)
        spectrum = ops.round(spectrum / table) * table
        blocks = ops.transpose(ops.matmul(ops.matmul(back, spectrum), cosines), (0, 1, 4, 2, 5, 3))
        x = ops.reshape(blocks, (batch, 8 * rows, 8 * columns, channels))[:, :height, :width]
        x = ops.clip(ops.round(x), -128.0, 127.0)
        if channels == 3:
            x = ops.round(ops.matmul(x, ops.convert_to_tensor(_TO_RGB, dtype="float32")))
        return x + 128.0

    def _tables(self, ops: Namespace, draws: Tensor, channels: int) -> Tensor:
        """Steps of the rounding, float32 (batch, 1, 1, channels, 8, 8)."""
        # libjpeg's scale, jcparam.c: jpeg_quality_scaling and jpeg_add_quant_table.
        quality = ops.round(intervals.between(self.quality, draws[:, 1]))
        scale = ops.where(quality < 50.0, ops.floor(5000.0 / quality), 200.0 - 2.0 * quality)
        tables = ops.convert_to_tensor([_LUMA, _CHROMA, _CHROMA][:channels], dtype="float32")
        steps = ops.floor((tables[None] * scale[:, None, None, None] + 50.0) / 100.0)
        return ops.clip(steps, 1.0, 255.0)[:, None, None]


def _cosines() -> list[list[float]]:
    """The orthonormal cosine transform of eight samples, one row per frequency."""
    return [
        [math.sqrt((1 if k == 0 else 2) / 8) * math.cos(math.pi * (2 * i + 1) * k / 16) for i in range(8)]
        for k in range(8)
    ]
