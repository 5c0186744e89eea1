"""Zero padding by a separate layer, as part of the convolution that reads it."""

import functools
from typing import Any

import keras

from keras_seg._types import Size
from keras_seg.layers.reach import padding_around
from keras_seg.surgery.copying import Call, LayerCopies, copy_of, folded

# By exact type, as the padding: a subclass may pad or convolve in another way.
_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


def fold_padding(model: keras.Model, *, input_size: Size | None = None) -> Any:
    """The model with zero padding as part of its convolutions: for export, not for training.

    The models of keras.applications pad a map by a `ZeroPadding2D` and convolve it with `padding="valid"`, so that
    the windows have the same position at even and at odd sizes. Where the size is known and `padding="same"` adds the
    same zeros, as in MobileNetV2 and EfficientNet at even sizes, the padding layer is removed, which saves a copy of
    the map. Where it adds other zeros, or the size is unknown, both layers stay as they are.

    Args:
        model: functional `keras.Model`. Nested models are folded too. It is not changed; the result has copies of its
            weights.
        input_size: int or pair of ints (height, width), by which more padding can be folded. The size of the result's
            one image input; None for that of the model. Defaults to None.

    Returns:
        A functional `keras.Model` with the inputs and outputs of `model`.

    Raises:
        InputError: if the model is not functional or `input_size` is invalid.

    Examples:
        >>> import keras, keras_seg as ks
        >>> backbone = keras.applications.MobileNetV2((64, 64, 3), include_top=False, weights=None)
        >>> folded = ks.surgery.fold_padding(backbone)
        >>> sum(isinstance(layer, keras.layers.ZeroPadding2D) for layer in backbone.layers)
        4
        >>> any(isinstance(layer, keras.layers.ZeroPadding2D) for layer in folded.layers)
        False
    """
    return folded(model, padding_folding, input_size=input_size)


def padding_folding(_: keras.Model, copies: LayerCopies, following: Call) -> Call:
    """The `Folding` of `fold_padding`."""
    padded, kept = {}, []  # Kept, because Python can reuse the id of a deleted tensor.

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        first = args[0] if args else None
        before, padding = padded.get(id(first), (None, None))
        if padding and _pads_the_same(operation, before.shape, padding):
            make = functools.partial(copy_of, operation, {"padding": "same"})
            same = copies.changed(operation, before, make, weights=operation.get_weights, key="padding")
            return following(same, (before, *args[1:]), kwargs)
        result = following(operation, args, kwargs)
        if type(operation) is keras.layers.ZeroPadding2D:
            padded[id(result)] = first, operation.padding
            kept.append(result)
        return result

    return call


def _pads_the_same(operation: Any, shape: Any, padding: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Whether `operation` with `padding="same"` pads a map of this shape by `padding`, one (before, after) per axis."""
    if type(operation) not in _CONVOLUTIONS or operation.padding != "valid":
        return False
    if operation.data_format != "channels_last":
        return False
    windows = zip(shape[1:3], operation.kernel_size, operation.strides, operation.dilation_rate, padding, strict=True)
    return all(
        size is not None and padding_around((window[0] - 1) * window[2] + 1, window[1], size) == tuple(zeros)
        for size, *window, zeros in windows
    )
