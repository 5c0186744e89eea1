"""VGG16 with its dense layers as convolutions: the trunk of the FCNs, strided or dilated."""

from collections.abc import Sequence

from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.models.parts.image_model import check_dropout
from keras_seg.models.parts.vgg16_blocks import check_filters, convolutions

# The authors of FCN pad the image by 100 pixels, so that fc6 has a whole 7x7 map to read at any size.
_PAD = 100


def check_trunk(
    filters: Sequence[int], fc_filters: int, dropout: float, padding: str
) -> tuple[tuple[int, ...], int, float, str]:
    """`filters`, `fc_filters`, `dropout` and `padding` in their normal form."""
    return (
        check_filters(filters),
        _validation.integer("fc_filters", fc_filters),
        check_dropout(dropout),
        _validation.one_of("padding", padding, ("same", "valid")),
    )


def vgg16_trunk(
    x: Tensor, filters: tuple[int, ...], fc_filters: int, *, dropout: float, padding: str
) -> dict[str, Tensor]:
    """{"pool3": map, "pool4": map, "fc7": map} of an image `x`.

    Layers have the names of keras.applications' VGG16, except for fc6 and fc7, which are fc1 and fc2 there.
    Poolings are in ceil mode, as in Caffe, which is what Keras calls "same": 175 pixels become 88.
    """
    if padding == "valid":
        x = layers.ZeroPadding2D(_PAD, name="pad")(x)
    maps = {}
    for block, named in convolutions(filters):
        for name, width in named:
            # The 100 pixels stand in place of the padding of the very first convolution.
            x = _convolution(x, width, 3, padding=padding if name == "block1_conv1" else "same", name=name)
        x = layers.MaxPooling2D(2, padding="same", name=f"block{block}_pool")(x)
        maps[f"pool{block}"] = x
    x = _dense_layers(x, fc_filters, dropout, padding=padding)
    return {"pool3": maps["pool3"], "pool4": maps["pool4"], "fc7": x}


def dilated_vgg16(x: Tensor, filters: tuple[int, ...], fc_filters: int, *, dropout: float, padding: str) -> Tensor:
    """fc7 of an image `x` at stride 8: pool4 and pool5 gone, and what follows each dilated twice as much.

    With "valid" padding no layer pads: the map covers 372 pixels less than the image.
    """
    for block, named in convolutions(filters):
        for name, width in named:
            x = _convolution(x, width, 3, padding=padding, name=name, dilation_rate=2 if block == 5 else 1)
        if block <= 3:
            x = layers.MaxPooling2D(2, padding=padding, name=f"block{block}_pool")(x)
    return _dense_layers(x, fc_filters, dropout, padding=padding, dilation_rate=4)


def _dense_layers(x: Tensor, filters: int, dropout: float, *, padding: str, dilation_rate: int = 1) -> Tensor:
    for name, kernel_size in (("fc6", 7), ("fc7", 1)):
        x = _convolution(
            x, filters, kernel_size, padding=padding, name=name, dilation_rate=dilation_rate if kernel_size > 1 else 1
        )
        x = layers.Dropout(dropout, name=f"{name}_dropout")(x)
    return x


def _convolution(
    x: Tensor, filters: int, kernel_size: int, *, padding: str, name: str, dilation_rate: int = 1
) -> Tensor:
    return layers.Conv2D(
        filters,
        kernel_size,
        dilation_rate=dilation_rate,
        padding=padding,
        activation="relu",
        kernel_initializer="he_normal",
        name=name,
    )(x)
