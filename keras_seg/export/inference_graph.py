"""A model in the form that is exported, without the parts for training."""

import functools
from typing import Literal

import keras

from keras_seg._graph import as_functional
from keras_seg.surgery.copying import folded, weights_shared
from keras_seg.surgery.fold_batch_norm import normalization_folding
from keras_seg.surgery.fold_padding import padding_folding
from keras_seg.surgery.fold_upsampling import upsampling_folding

# The layers that hold most weights, which are built for the same channels at any size.
_ANY_SIZE = (
    keras.layers.Conv2D,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dense,
)


def inference_graph(
    model: keras.Model, input_size: tuple[int | None, int | None], *, subpixel: bool | Literal["deep"] = False
) -> keras.Model:
    """The Keras model that is converted: BatchNormalization is folded, dropout is removed, the kernels of upsampling
    are computed once, and convolutions pad with zeros themselves (`keras_seg.surgery`), wherever the model has a graph.

    It is there to be converted, not to be kept: convolutions that do not change share their weights with the model's.

    Args:
        model: keras.Model that `check_exportable` accepts.
        input_size: (height, width) of the result's input, None where it is dynamic.
        subpixel: bool or "deep". Which upsamplings are a convolution and a shuffle instead of a transposed convolution:
            all, none, or as "deep" in `surgery.fold_upsampling`. Defaults to False.
    """
    if as_functional(model) is None:
        return model
    height, width = input_size
    size = None if height is None or width is None else (height, width)
    foldings = (normalization_folding, functools.partial(upsampling_folding, subpixel=subpixel), padding_folding)
    with weights_shared(*_ANY_SIZE):
        return folded(model, *foldings, input_size=size)
