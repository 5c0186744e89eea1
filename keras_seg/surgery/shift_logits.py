"""Constants added to a model's logits, in the bias of the layer that computes them."""

from typing import Any

import keras
import numpy as np

from keras_seg import layers
from keras_seg._types import ArrayLike
from keras_seg.surgery.affine import as_float64

# What keeps a constant that is added to a map: layers that leave values as they are, and those that mix them by weights
# that sum to 1. All layers here are known by their exact type: a subclass may compute something else.
_CROPS = (layers.CropLike, keras.layers.Cropping2D, keras.layers.Dropout, keras.layers.Identity)
_MIXES = (layers.Resize2D, layers.ResizeLike, keras.layers.Resizing, keras.layers.UpSampling2D)
_ACTIVATIONS = (keras.activations.softmax, keras.activations.sigmoid)


def shift_logits(model: keras.Model, offsets: ArrayLike) -> bool:
    """Add a constant to each channel of the logits, in place.

    Args:
        model: keras.Model with one output of logits, or of their softmax or sigmoid.
        offsets: array-like (channels,).

    Returns:
        Whether it was done. It is not where the logits do not come from the bias of one convolution by layers that
        keep constants, such as `Resize2D`, or from a sum of such maps.
    """
    bias, added = _bias(model.outputs[0], activated=True), np.asarray(offsets, "float64")
    if bias is None or tuple(bias.shape) != added.shape:
        return False
    bias.assign((as_float64(bias) + added).astype("float32"))
    return True


def _bias(tensor: Any, *, activated: bool = False) -> keras.Variable | None:
    """The bias that shifts a tensor, or its logits where it is `activated`."""
    layer = tensor._keras_history.operation
    if type(layer) is keras.layers.Add:
        # One of the terms is enough.
        return next((bias for bias in map(_bias, layer.input) if bias is not None), None)
    if type(layer) in (*_CROPS, *_MIXES):
        source = layer.input
        # Mixed probabilities are not those of mixed logits.
        unmixed = activated and type(layer) not in _MIXES
        return _bias(source[0] if isinstance(source, (list, tuple)) else source, activated=unmixed)
    applied = keras.activations.softmax if type(layer) is keras.layers.Softmax else getattr(layer, "activation", None)
    if applied in _ACTIVATIONS:
        if not activated:
            return None
        activated = False
    elif applied is not keras.activations.linear:
        return None
    if type(layer) in (keras.layers.Activation, keras.layers.Softmax):
        return _bias(layer.input, activated=activated)
    return layer.bias if type(layer) is keras.layers.Conv2D and layer.use_bias else None
