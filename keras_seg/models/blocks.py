"""The blocks that the models are made of: functions from tensors to tensors that name every layer."""

from keras import layers


def conv_block(x, filters, name, kernel_size=3, strides=1, dilation_rate=1, padding="same", activation="relu"):
    """Convolution, BatchNormalization, activation: layers `{name}_conv`, `{name}_norm` and `{name}_{activation}`."""
    x = layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        dilation_rate=dilation_rate,
        padding=padding,
        use_bias=False,  # The normalization that follows has an offset of its own.
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(name=f"{name}_norm")(x)
    return layers.Activation(activation, name=f"{name}_{activation}")(x) if activation else x


def conv_blocks(x, filters, count, name, kernel_size=3, padding="same"):
    """`count` convolution blocks in a row, named `{name}_1`, `{name}_2`, ..."""
    for index in range(1, count + 1):
        x = conv_block(x, filters, f"{name}_{index}", kernel_size, padding=padding)
    return x
