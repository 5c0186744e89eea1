"""The blocks that the models are made of: functions from tensors to tensors that name every layer."""

from keras import layers

from keras_seg._types import Size, Tensor
from keras_seg.layers import AdaptiveAveragePooling2D, ResizeLike
from keras_seg.layers.upsample_conv import normalization_layer


def conv_block(
    x: Tensor,
    filters: int,
    name: str,
    *,
    kernel_size: Size = 3,
    strides: Size = 1,
    dilation_rate: Size = 1,
    padding: str = "same",
    activation: str | None = "relu",
    normalization: str | None = "batch",
) -> Tensor:
    """Convolution, normalization, activation: layers `{name}_conv`, `{name}_norm` and `{name}_{activation}`.

    With `normalization=None` the convolution has a bias instead.
    """
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding=padding,
        use_bias=normalization is None,  # Every normalization has an offset of its own.
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    normalize = normalization_layer(normalization, filters, name=f"{name}_norm")
    if normalize is not None:
        x = normalize(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def conv_blocks(
    x: Tensor,
    filters: int,
    count: int,
    *,
    name: str,
    kernel_size: Size = 3,
    padding: str = "same",
    normalization: str | None = "batch",
) -> Tensor:
    """`count` convolution blocks in a row, named `{name}_1`, `{name}_2`, ..."""
    for index in range(1, count + 1):
        x = conv_block(
            x,
            filters,
            f"{name}_{index}",
            kernel_size=kernel_size,
            padding=padding,
            normalization=normalization,
        )
    return x


def region_features(x: Tensor, size: int, filters: int, name: str) -> Tensor:
    """Averages of `x` over size x size regions, convolved 1x1 and enlarged back to the size of `x`."""
    pooled = AdaptiveAveragePooling2D(size, name=f"{name}_pool")(x)
    # A single region of a single image has no variance to divide by: its moving statistics would ruin inference.
    pooled = conv_block(pooled, filters, name, kernel_size=1, normalization="batch" if size > 1 else None)
    return ResizeLike(name=f"{name}_enlarge")([pooled, x])
