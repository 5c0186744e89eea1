"""Competition between channels: each weighed by its strength in the whole map, relative to the others."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg._types import Tensor
from keras_seg.layers.reach import EVERYTHING, Reaches

_EPSILON = 1e-6


@keras.saving.register_keras_serializable("keras_seg")
class GlobalResponseNormalization(keras.layers.Layer):
    """Adds to each channel its own values, times its norm over the map divided by the mean norm of all channels.

    The sum is scaled and shifted per channel by weights that start at 0, which leaves the map as it is.

    Args:
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Examples:
        >>> import numpy as np
        >>> layer = GlobalResponseNormalization()
        >>> layer.build((None, 1, 1, 2))
        >>> layer.set_weights([np.ones(2), np.zeros(2)])
        >>> np.array(layer(np.array([1.0, 3.0]).reshape(1, 1, 1, 2))).round(3).ravel().tolist()
        [1.5, 7.5]

    Reference: Woo et al., "ConvNeXt V2", CVPR 2023, section 3.2 and algorithm 1.
    """

    def build(self, input_shape: Any) -> None:
        channels = input_shape[-1]
        self.gamma = self.add_weight(shape=(channels,), initializer="zeros", name="gamma")
        self.beta = self.add_weight(shape=(channels,), initializer="zeros", name="beta")
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, "float32")  # Sums of squares over a map exceed half precision.
        squares = ops.sum(x * x, axis=(1, 2), keepdims=True)
        # The smallest number that keeps the gradient of the root finite where a channel is 0 everywhere.
        norm = ops.sqrt(ops.maximum(squares, 1e-24))
        relative = norm / (ops.mean(norm, axis=-1, keepdims=True) + _EPSILON)
        x = x + ops.cast(self.gamma, "float32") * (x * relative) + ops.cast(self.beta, "float32")
        return ops.cast(x, self.compute_dtype)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return EVERYTHING

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return input_shape
