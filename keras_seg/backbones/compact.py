"""A small backbone to train from scratch on a CPU."""

from collections.abc import Sequence

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.layers.batch_normalization import BatchNormalization
from keras_seg.layers.preprocessing import MODES, Preprocessing
from keras_seg.layers.upsample_conv import BATCH_NORM_MOMENTUM

FILTERS = (16, 32, 64, 96, 128)
BLOCKS = (0, 1, 1, 1, 1)


def Compact(
    *,
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    filters: Sequence[int] = FILTERS,
    blocks: Sequence[int] = BLOCKS,
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
    include_preprocessing: bool | str = True,
    name: str = "compact",
) -> keras.Model:
    """A plain pyramid of strided 3x3 convolutions, small enough to train from scratch on a CPU.

    Stage k = 1..5 (stride 2^k): one 3x3 convolution with stride 2, then `blocks[k - 1]` 3x3 convolutions with stride 1;
    each is followed by BatchNormalization and ReLU. No residuals and no depthwise convolutions: at these widths plain
    convolutions make the best use of a CPU. The defaults have 468,464 parameters.

    Args:
        input_shape: tuple. (height, width, channels), where height and width may be None. Defaults to
            (None, None, 3).
        filters: five ints. The channels of each stage. Defaults to (16, 32, 64, 96, 128).
        blocks: five ints. At least 0, the stride-1 convolutions of each stage. Defaults to (0, 1, 1, 1, 1): none at
            stride 2, where a convolution costs four times as much as one level deeper.
        batch_norm_momentum: float. In [0, 1], of the moving statistics. Defaults to 0.95: with Keras' own 0.99,
            validation is meaningless for several hundred steps, more than a short run on a CPU has.
        include_preprocessing: bool or str. Whether raw 0..255 images are scaled to [-1, 1] inside, or another mode of
            `Preprocessing`. Defaults to True.
        name: str. Name of the model. Defaults to "compact".

    Returns:
        A functional `keras.Model` that outputs the last map, stride 32; `backbones.build(Compact(...))` makes it a
        pyramid.

    Input shape:
        `(batch, height, width, channels)`, 0..255; sides that are multiples of 32 give an exact pyramid.

    Output shape:
        `(batch, height / 32, width / 32, filters[4])`.

    Raises:
        InputError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> ks.backbones.Compact(filters=(8, 16, 24, 32, 48)).output_shape
        (None, None, None, 48)
    """
    input_shape = _validation.image_shape("input_shape", input_shape)
    if not isinstance(include_preprocessing, bool):
        _validation.one_of("include_preprocessing", include_preprocessing, (True, False, *MODES))
    filters = _validation.integers("filters", filters)
    blocks = _validation.integers("blocks", blocks, minimum=0)
    for argument, value in (("filters", filters), ("blocks", blocks)):
        if len(value) != 5:
            _validation.fail(argument, "must hold five integers, one for each stride from 2 to 32", value)
    momentum = _validation.number("batch_norm_momentum", batch_norm_momentum, 0.0, 1.0)

    inputs = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        mode = include_preprocessing if isinstance(include_preprocessing, str) else "tf"
        x = Preprocessing(mode, name="preprocessing")(x)
    for stage, (width, repeats) in enumerate(zip(filters, blocks, strict=True), start=1):
        x = _convolve(x, width, f"stage{stage}_down", strides=2, momentum=momentum)
        for block in range(1, repeats + 1):
            x = _convolve(x, width, f"stage{stage}_block{block}", strides=1, momentum=momentum)
    return keras.Model(inputs, x, name=name)


def _convolve(x: Tensor, width: int, name: str, *, strides: int, momentum: float) -> Tensor:
    x = keras.layers.Conv2D(
        width,
        3,
        strides=strides,
        padding="same",
        use_bias=False,  # BatchNormalization has an offset of its own.
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = BatchNormalization(momentum=momentum, name=f"{name}_norm")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)
