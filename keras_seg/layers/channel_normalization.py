"""Layer normalization over channels, in operators that quantized files have."""

from typing import Any

import keras
from keras import ops

from keras_seg._types import Tensor


@keras.saving.register_keras_serializable("keras_seg")
class ChannelNormalization(keras.layers.LayerNormalization):
    """Keras' LayerNormalization over the last axis, with the same weights and results.

    On TensorFlow Keras computes the variance by an operator that TFLite cannot run on 16-bit integers. Here it is the
    mean of squares.

    Args:
        epsilon: float. Added to the variance. Defaults to 1e-3.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, ..., channels)`.

    Output shape: that of the input.

    Examples:
        >>> import numpy as np
        >>> np.array(ChannelNormalization(epsilon=0.0)(np.array([[1.0, 3.0]]))).tolist()
        [[-1.0, 1.0]]

    Reference: Ba, Kiros and Hinton, "Layer Normalization", 2016, section 3.
    """

    def __init__(self, epsilon: float = 1e-3, **kwargs: Any) -> None:
        super().__init__(epsilon=epsilon, **kwargs)

    def call(self, inputs: Tensor) -> Tensor:
        if keras.backend.backend() != "tensorflow":
            return super().call(inputs)
        x = ops.cast(inputs, "float32")
        x = x - ops.mean(x, axis=-1, keepdims=True)
        x = x * ops.rsqrt(ops.mean(x * x, axis=-1, keepdims=True) + self.epsilon)
        x = x * ops.cast(self.gamma, "float32") + ops.cast(self.beta, "float32")
        return ops.cast(x, self.compute_dtype)
