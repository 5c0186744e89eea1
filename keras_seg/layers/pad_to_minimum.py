"""Padding of maps that are smaller than a window."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach import Reaches


@keras.saving.register_keras_serializable("keras_seg")
class PadToMinimum(keras.layers.Layer):
    """Repeats the last row and column of a map until it has a minimum size; larger maps stay as they are.

    A window without padding that follows then always has something to read. Without this layer, a map smaller than the
    window would leave an empty one, and frameworks differ in whether they say so.

    Args:
        minimum: int or pair of ints (height, width). The smallest size of the result.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, max(height, minimum[0]), max(width, minimum[1]), channels)`.

    Raises:
        InputError: if `minimum` is invalid.

    Examples:
        >>> import numpy as np
        >>> x = np.array([[1.0, 2.0]]).reshape(1, 1, 2, 1)
        >>> np.array(PadToMinimum((1, 4))(x)).ravel().tolist()
        [1.0, 2.0, 2.0, 2.0]
    """

    def __init__(self, minimum: Size, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.minimum = _validation.pair("minimum", minimum)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        x = inputs
        for axis, (length, least) in enumerate(zip(_ops.spatial_size(x), self.minimum, strict=True), start=1):
            if isinstance(length, int):
                if length < least:
                    x = ops.take(x, [min(place, length - 1) for place in range(least)], axis=axis)
            else:
                places = ops.arange(0, ops.maximum(length, least), dtype="int32")
                x = ops.take(x, ops.minimum(places, length - 1), axis=axis)
        return x

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`. Repeated rows and columns count as their places, like padding."""
        return []

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *sides, channels = input_shape
        return (batch, *(side and max(side, least) for side, least in zip(sides, self.minimum, strict=True)), channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minimum": self.minimum}
