"""The blocks that the models are made of: functions from tensors to tensors that name every layer."""

from keras import layers

from keras_seg.layers import AdaptiveAveragePooling2D, ResizeLike
from keras_seg.layers.upsample_conv import BATCH_NORM_MOMENTUM


def conv_block(
    x, filters, name, *, kernel_size=3, strides=1, dilation_rate=1, padding="same", activation="relu", normalize=True
):
    """Convolution, BatchNormalization, activation: layers `{name}_conv`, `{name}_norm` and `{name}_{activation}`.

    With `normalize=False` the convolution has a bias in place of the normalization.
    """
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding=padding,
        use_bias=not normalize,  # The normalization that follows has an offset of its own.
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    if normalize:
        x = layers.BatchNormalization(momentum=BATCH_NORM_MOMENTUM, name=f"{name}_norm")(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def conv_blocks(x, filters, count, *, name, kernel_size=3, padding="same"):
    """`count` convolution blocks in a row, named `{name}_1`, `{name}_2`, ..."""
    for index in range(1, count + 1):
        x = conv_block(x, filters, f"{name}_{index}", kernel_size=kernel_size, padding=padding)
    return x


def region_features(x, size, filters, name):
    """Averages of `x` over size x size regions, convolved 1x1 and enlarged to the size of `x` again."""
    pooled = AdaptiveAveragePooling2D(size, name=f"{name}_pool")(x)
    # A single region of a single image has no variance to divide by: its moving statistics would ruin inference.
    pooled = conv_block(pooled, filters, name, kernel_size=1, normalize=size > 1)
    return ResizeLike(name=f"{name}_enlarge")([pooled, x])
