"""U-Net as it was published: valid convolutions, and an output smaller than its image."""

import keras
from keras import layers

from keras_seg import _validation, backbones
from keras_seg.layers import CropLike
from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, image_model


def unet2015(num_classes, input_shape, filters, *, dropout, activation, include_preprocessing, name):
    """The U-Net of Ronneberger, Fischer and Brox, MICCAI 2015, figure 1, with `filters` on its levels.

    Every 3x3 convolution takes a pixel off each border, so a skip is cropped to the middle before it is joined, and
    the output covers the middle of the image: with four poolings, 92 pixels are missing on each side.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("include_preprocessing", include_preprocessing)
    depth = len(filters) - 1
    check_size(input_shape, depth)
    image = keras.Input(input_shape, name="image")
    x = ValidSize(depth, name="valid_size")(image)
    if include_preprocessing:
        x = backbones.Preprocessing("tf", name="preprocessing")(x)
    skips = []
    for level, width in enumerate(filters, start=1):
        x = _convolutions(x, width, f"encoder{level}")
        if level <= depth:
            skips.append(x)
            x = layers.MaxPooling2D(2, name=f"encoder{level}_pool")(x)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    for stage, (skip, width) in enumerate(zip(reversed(skips), filters[-2::-1], strict=True), start=1):
        x = layers.Conv2DTranspose(
            width, 2, strides=2, activation="relu", kernel_initializer="he_normal", name=f"decoder{stage}_up"
        )(x)
        # 4, 16, 40, 88 pixels: what the convolutions below the skip have taken off, at its resolution.
        skip = CropLike(6 * 2**stage - 8, name=f"decoder{stage}_crop")([skip, x])
        x = layers.Concatenate(name=f"decoder{stage}_join")([skip, x])
        x = _convolutions(x, width, f"decoder{stage}")
    x = layers.Conv2D(num_classes, 1, name="logits")(x)
    return image_model(image, class_activation(x, activation), name=name)


def _convolutions(x, width, name):
    for index in (1, 2):
        x = layers.Conv2D(width, 3, activation="relu", kernel_initializer="he_normal", name=f"{name}_{index}_conv")(x)
    return x


def check_size(shape, depth):
    """Fail unless the sides of an image (height, width, channels) suit `depth` poolings; None suits.

    A side is legal when every pooling finds an even number of pixels and the decoder leaves some: 12 modulo 16 and at
    least 188 with four poolings.
    """
    stride = 2**depth
    # The deepest convolutions must leave so many pixels that they outlast, enlarged 2^depth times, the
    # 4 * (2^depth - 1) that the decoder's convolutions take off; the encoder's take off as many before.
    left = 4 * (stride - 1) // stride + 1
    smallest = stride * (left + 4) + 4 * (stride - 1)
    for side in shape[:2]:
        if side is None or (side >= smallest and (side - smallest) % stride == 0):
            continue
        below = max(smallest, side - (side - smallest) % stride)
        legal = [below] if side < smallest else [below, below + stride]
        _validation.fail(
            "input_shape",
            f"must have sides of {smallest % stride} modulo {stride}, at least {smallest}, with padding='valid'",
            tuple(shape),
            f"Nearest to {side}: {' and '.join(map(str, legal))}.",
        )


@keras.saving.register_keras_serializable("keras_seg")
class ValidSize(keras.layers.Layer):
    """Lets through images whose sides a U-Net without padding can halve `depth` times, and fails on others.

    Compiled for unknown sizes it lets everything through, and of a size that does not fit the output lacks rows at the
    bottom or columns at the right.

    Args:
        depth: int. Poolings.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        ValueError: if a side is not as above; the nearest ones that are get named.

    Examples:
        >>> ValidSize(4)(keras.Input((572, 572, 1))).shape
        (None, 572, 572, 1)

    Reference: Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, section 2: "it is important to select the input tile
        size such that all 2x2 max-pooling operations are applied to a layer with an even x- and y-size".
    """

    def __init__(self, depth, **kwargs):
        super().__init__(**kwargs)
        self.depth = _validation.integer("depth", depth)

    def call(self, inputs):
        check_size(inputs.shape[1:], self.depth)
        return inputs

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "depth": self.depth}
