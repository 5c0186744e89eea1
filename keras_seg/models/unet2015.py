"""U-Net as it was published: valid convolutions, and an output smaller than its image."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.layers import CropLike
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, check_dropout, image_model, preprocessed
from keras_seg.models.parts.level_filters import level_filters


def UNet2015(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    filters: int | Sequence[int] = 64, depth: int | None = None, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "unet2015",
) -> keras.Model:  # fmt: skip
    """The U-Net of 2015: no padding, no normalization, 2x2 transposed convolutions, a smaller output.

    Every 3x3 convolution removes one pixel at each border, so a skip is cropped to the middle before it is joined, and
    the output covers the middle of the image: at depth 4, 92 pixels are missing on each side (572 -> 388), and a side
    must be 12 modulo 16 and at least 188 pixels. `TiledPredictor` and the overlap-tile strategy cover whole images.

    Args:
        filters: int or sequence of ints. Of the levels: an int is doubled at each level. Defaults to 64.
        depth: int or None. Poolings. Defaults to 4, or to one less than the number of `filters`.
        dropout: float. In [0, 1), on the deepest map, as at the end of the contracting path. Defaults to 0.
        include_preprocessing: bool. True takes raw values in 0..255 and normalizes inside. Defaults to True.

    Other arguments: see `UNet`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height - 184, width - 184,
        num_classes)` at depth 4, float32. With one channel and two classes it has 31,030,658 parameters.

    Raises:
        InputError: if an argument is not as above, or the size of an image does not fit; the nearest sizes that do are
            named.

    Examples:
        >>> import keras_seg as ks
        >>> ks.models.UNet2015(num_classes=2, filters=4, input_shape=(572, 572, 1)).output_shape
        (None, 388, 388, 2)

    Reference: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI
        2015, section 2 and figure 1.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    dropout = check_dropout(dropout)
    filters = level_filters(filters, depth)
    poolings = len(filters) - 1
    _check_size(input_shape, poolings)
    image = keras.Input(input_shape, name="image")
    x = preprocessed(ValidSize(poolings, name="valid_size")(image), "tf", include=include_preprocessing)

    # Encoder
    skips = []
    for level, width in enumerate(filters, start=1):
        x = _convolutions(x, width, f"encoder{level}")
        if level <= poolings:
            skips.append(x)
            x = layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Decoder
    for stage, (skip, width) in enumerate(zip(reversed(skips), filters[-2::-1], strict=True), start=1):
        x = layers.Conv2DTranspose(
            width, 2, strides=2, activation="relu", kernel_initializer="he_normal", name=f"decoder{stage}_up"
        )(x)
        # 4, 16, 40, 88 pixels: what the convolutions below the skip have removed, at its resolution.
        skip = CropLike(6 * 2**stage - 8, name=f"decoder{stage}_crop")([skip, x])
        x = layers.Concatenate(name=f"decoder{stage}_join")([skip, x])
        x = _convolutions(x, width, f"decoder{stage}")

    # Head
    return image_model(image, segmentation_head(x, num_classes, activation), name=name)


def _convolutions(x: Tensor, width: int, name: str) -> Tensor:
    for index in (1, 2):
        x = layers.Conv2D(width, 3, activation="relu", kernel_initializer="he_normal", name=f"{name}_{index}_conv")(x)
    return x


def _check_size(shape: Any, depth: int) -> None:
    """Fail unless the sides of an image (height, width, channels) suit `depth` poolings; None suits.

    A side fits when every pooling finds an even number of pixels and the decoder leaves some: 12 modulo 16 and at
    least 188 with four poolings.
    """
    stride = 2**depth
    # Enlarged 2^depth times, the pixels that the deepest convolutions leave must be more than the 4 * (2^depth - 1)
    # that the decoder's convolutions remove; the encoder's remove as many before.
    left = 4 * (stride - 1) // stride + 1
    smallest = stride * (left + 4) + 4 * (stride - 1)
    for side in shape[:2]:
        if side is None or (side >= smallest and (side - smallest) % stride == 0):
            continue
        below = max(smallest, side - (side - smallest) % stride)
        legal = [below] if side < smallest else [below, below + stride]
        _validation.fail(
            "input_shape",
            f"must have sides of {smallest % stride} modulo {stride}, at least {smallest}",
            tuple(shape),
            f"Nearest to {side}: {' and '.join(map(str, legal))}.",
        )


@keras.saving.register_keras_serializable("keras_seg")
class ValidSize(keras.layers.Layer):
    """Passes images whose sides a U-Net without padding can halve `depth` times, and fails on others.

    Compiled for unknown sizes it passes every image, and for a size that does not fit, the output lacks rows at the
    bottom or columns at the right.

    Args:
        depth: int. Poolings.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        InputError: if a side does not fit; the nearest ones that do are named.

    Examples:
        >>> ValidSize(4)(keras.Input((572, 572, 1))).shape
        (None, 572, 572, 1)

    Reference: Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, section 2: "it is important to select the input tile
        size such that all 2x2 max-pooling operations are applied to a layer with an even x- and y-size".
    """

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.depth = _validation.integer("depth", depth)

    def check_image(self, shape: tuple[int | None, ...]) -> None:
        """Fail unless images of a shape (height, width, channels) suit."""
        _check_size(shape, self.depth)

    def call(self, inputs: Tensor) -> Tensor:
        self.check_image(inputs.shape[1:])
        return inputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth": self.depth}
