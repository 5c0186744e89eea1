"""Sums over channels."""

from typing import Any

import keras
from keras import ops

from keras_seg._types import Tensor
from keras_seg.layers.reach_bases import Pointwise


@keras.saving.register_keras_serializable("keras_seg")
class ChannelSum(Pointwise):
    """The sum of a map's channels, as a map of one channel.

    It is computed in float32: half precision would round each of the sums.

    Args:
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, height, width, 1)`.

    Examples:
        >>> import numpy as np
        >>> np.array(ChannelSum()(np.array([1.0, 2.0, 4.0]).reshape(1, 1, 1, 3))).ravel().tolist()
        [7.0]
    """

    def call(self, inputs: Tensor) -> Tensor:
        return ops.cast(ops.sum(ops.cast(inputs, "float32"), axis=-1, keepdims=True), self.compute_dtype)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[:-1], 1)
