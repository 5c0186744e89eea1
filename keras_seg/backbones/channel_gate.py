"""Squeeze-and-excitation: how much each channel counts, by the averages of all."""

import keras

from keras_seg._types import Tensor


def channel_gate(x: Tensor, squeezed: int, name: str, *, activation: str = "sigmoid") -> Tensor:
    """A number per channel that depends on all channels' averages, of which `squeezed` mixtures are made in between.

    The layers are `{name}squeeze_pool`, `{name}squeeze` and `{name}excite`.
    """
    channels = x.shape[-1]
    x = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}squeeze_pool")(x)
    x = keras.layers.Conv2D(squeezed, 1, activation="relu", name=f"{name}squeeze")(x)
    return keras.layers.Conv2D(channels, 1, activation=activation, name=f"{name}excite")(x)
