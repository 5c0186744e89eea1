"""U-Net as it was published: valid convolutions, and an output smaller than its image."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg._types import Tensor
from keras_seg.layers import CropLike
from keras_seg.layers.valid_size import ValidSize
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
    valid_size = ValidSize(poolings, name="valid_size")
    valid_size.check_image(input_shape)
    image = keras.Input(input_shape, name="image")
    x = preprocessed(valid_size(image), "tf", include=include_preprocessing)

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
