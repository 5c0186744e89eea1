"""A small backbone to train from scratch on a CPU."""

import keras

from keras_seg import _validation
from keras_seg.layers.preprocessing import Preprocessing

FILTERS = (16, 32, 64, 96, 128)
BLOCKS = (0, 1, 1, 1, 1)


def Compact(
    filters=FILTERS,
    *,
    blocks=BLOCKS,
    input_shape=(None, None, 3),
    include_preprocessing=True,
    batch_norm_momentum=0.95,
    name="compact",
):
    """A plain pyramid of strided 3x3 convolutions, small enough to train from scratch on a CPU.

    Stage k = 1..5 (stride 2^k): one 3x3 convolution with stride 2, then `blocks[k - 1]` 3x3 convolutions with stride 1;
    each is followed by BatchNormalization and ReLU. No residuals and no depthwise convolutions: at these widths plain
    convolutions make the best use of a CPU. The defaults have 468,464 parameters.

    Args:
        filters: Five integers, the channels of each stage. Defaults to `(16, 32, 64, 96, 128)`.
        blocks: Five integers of at least 0, the stride-1 convolutions of each stage. Defaults to `(0, 1, 1, 1, 1)`:
            none at stride 2, where a convolution costs four times what it costs a level deeper.
        input_shape: (height, width, channels); height and width may be None. Defaults to `(None, None, 3)`.
        include_preprocessing: Bool, whether raw 0..255 images are scaled to [-1, 1] inside, or another mode of
            `Preprocessing`. Defaults to `True`.
        batch_norm_momentum: Float, of the moving statistics. Defaults to `0.95`: Keras' own 0.99 needs several hundred
            steps before validation means anything, more than a short run on a CPU has.
        name: String. Defaults to `"compact"`.

    Returns:
        A functional `keras.Model` whose output is the last map, stride 32; `backbones.build(Compact(...))` makes it a
        pyramid.

    Input shape:
        `(batch, height, width, channels)`, 0..255; sides that are multiples of 32 give an exact pyramid.

    Output shape:
        `(batch, height / 32, width / 32, filters[4])`.

    Raises:
        ValueError: if `filters` or `blocks` do not hold five integers.

    Examples:
        >>> import keras_seg as ks
        >>> ks.backbones.Compact(filters=(8, 16, 24, 32, 48)).output_shape
        (None, None, None, 48)
    """
    filters = _validation.integers("filters", filters)
    blocks = _validation.integers("blocks", blocks, minimum=0)
    for argument, value in (("filters", filters), ("blocks", blocks)):
        if len(value) != 5:
            _validation.fail(argument, "must hold five integers, one for each stride from 2 to 32", value)
    momentum = _validation.number("batch_norm_momentum", batch_norm_momentum, 0.0, 1.0)

    def convolve(x, width, strides, prefix):
        x = keras.layers.Conv2D(
            width,
            3,
            strides=strides,
            padding="same",
            use_bias=False,  # BatchNormalization brings its own
            kernel_initializer="he_normal",
            name=f"{prefix}_conv",
        )(x)
        x = keras.layers.BatchNormalization(momentum=momentum, name=f"{prefix}_bn")(x)
        return keras.layers.ReLU(name=f"{prefix}_relu")(x)

    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        mode = include_preprocessing if isinstance(include_preprocessing, str) else "tf"
        x = Preprocessing(mode, name="preprocessing")(x)
    for stage, (width, repeats) in enumerate(zip(filters, blocks, strict=True), start=1):
        x = convolve(x, width, 2, f"stage{stage}_down")
        for block in range(1, repeats + 1):
            x = convolve(x, width, 1, f"stage{stage}_block{block}")
    return keras.Model(inputs, x, name=name)
