"""Zeros that a layer of their own puts around a map, as part of the convolution that reads them."""

from typing import Any

import keras

from keras_seg._types import Size, Tensor
from keras_seg.layers.reach import padding_around
from keras_seg.surgery.copying import LayerCopies, rebuilt

_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


def fold_padding(model: keras.Model, *, input_size: Size | None = None) -> Any:
    """The model whose convolutions of stride 2 pad by themselves: for export, not for training.

    The networks of keras.applications pad a map by a `ZeroPadding2D` and convolve it with `padding="valid"`, so that
    the windows lie the same way at even and at odd sizes. Where the size is known and `padding="same"` adds the same
    zeros, as MobileNetV2 and EfficientNet do at even sizes, the layer goes and with it a copy of the map. Where it adds
    others, or the size is unknown, all stays as it is.

    Args:
        model: functional `keras.Model`, models nested in it included. It stays as it is; the result has copies of its
            weights.
        input_size: (height, width) that the one image input of the result has; None for the model's own. Defaults to
            None.

    Returns:
        A functional `keras.Model` with the inputs and outputs of `model`.

    Raises:
        ValueError: if the model is not functional, or the size is none.

    Examples:
        >>> import keras, keras_seg as ks
        >>> net = keras.applications.MobileNetV2((64, 64, 3), include_top=False, weights=None)
        >>> folded = ks.surgery.fold_padding(net)
        >>> sum(isinstance(layer, keras.layers.ZeroPadding2D) for layer in net.layers)
        4
        >>> any(isinstance(layer, keras.layers.ZeroPadding2D) for layer in folded.layers)
        False
    """
    copies = LayerCopies()
    padded, kept = {}, []  # Kept, because the id of a tensor that is gone may be given to another.

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        first = args[0] if args else None
        before, padding = padded.get(id(first), (None, None))
        if padding and _pads_the_same(operation, before.shape, padding):
            return copies.call(operation, (before, *args[1:]), kwargs, {"padding": "same"})
        result = copies.call(operation, args, kwargs)
        if isinstance(operation, keras.layers.ZeroPadding2D):
            padded[id(result)] = first, operation.padding
            kept.append(result)
        return result

    return rebuilt(model, call, input_size)


def _pads_the_same(operation: Any, shape: Any, padding: str) -> bool:
    """Whether `operation` puts the zeros of `padding` around a map of this shape when it is told to pad "same"."""
    if not isinstance(operation, _CONVOLUTIONS) or operation.padding != "valid":
        return False
    if operation.data_format != "channels_last":
        return False
    windows = zip(shape[1:3], operation.kernel_size, operation.strides, operation.dilation_rate, padding, strict=True)
    return all(
        size is not None and padding_around((window[0] - 1) * window[2] + 1, window[1], size) == tuple(zeros)
        for size, *window, zeros in windows
    )
