"""Average pooling to a fixed output size."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach import Reaches, regions


@keras.saving.register_keras_serializable("keras_seg")
class AdaptiveAveragePooling2D(keras.layers.Layer):
    """Divides a map of any size into `output_size` regions and averages each.

    Region `i` of `k` covers pixels `floor(i n / k)` up to, but not including, `ceil((i + 1) n / k)` of `n`: regions
    overlap by a pixel where `n` is not a multiple of `k`, and the pixels of a map smaller than `output_size` are
    repeated. This equals `torch.nn.AdaptiveAvgPool2d`; Keras' own layer needs sizes that are known when the graph is
    built.

    Args:
        output_size: int or pair of ints (height, width). Number of regions per axis.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any float dtype.

    Output shape: `(batch, output_size[0], output_size[1], channels)`, the same dtype.

    Raises:
        InputError: if `output_size` is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.arange(5.0).reshape(1, 1, 5, 1)
        >>> np.array(ks.layers.AdaptiveAveragePooling2D((1, 2))(x)).ravel().tolist()
        [1.0, 3.0]
    """

    def __init__(self, output_size: Size, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.output_size = _validation.pair("output_size", output_size)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        x = ops.cast(inputs, "float32")  # Half precision is too coarse to sum thousands of pixels.
        height, width = _ops.spatial_size(x)
        rows = [ops.mean(x[:, a:b], axis=1, keepdims=True) for a, b in _regions(height, self.output_size[0])]
        x = ops.concatenate(rows, axis=1)
        columns = [ops.mean(x[:, :, a:b], axis=2, keepdims=True) for a, b in _regions(width, self.output_size[1])]
        return ops.cast(ops.concatenate(columns, axis=2), inputs.dtype)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return regions(size, self.output_size[axis])

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (input_shape[0], *self.output_size, input_shape[3])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "output_size": self.output_size}


def _regions(length: Any, count: int) -> list[tuple[Any, Any]]:
    return [(index * length // count, ((index + 1) * length + count - 1) // count) for index in range(count)]
