"""Unpooling without indices."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach import Reaches, scaled


@keras.saving.register_keras_serializable("keras_seg")
class BedOfNails2D(keras.layers.Layer):
    """Enlarges a map by putting each value in the top left corner of a block of zeros.

    A transposed convolution does this before it convolves, and so does unpooling whose indices are all 0.

    Args:
        factor: int or pair of ints (height, width). How many times larger. Defaults to 2.
        data_format: `"channels_last"`, or None for Keras' setting, which must be the same. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any dtype.

    Output shape: `(batch, height * factor[0], width * factor[1], channels)`, the same dtype.

    Raises:
        InputError: if an argument is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.array([[1.0, 2], [3, 4]]).reshape(1, 2, 2, 1)
        >>> np.array(ks.layers.BedOfNails2D()(x))[0, :, :, 0].astype(int).tolist()
        [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]

    Reference: Dosovitskiy, Springenberg and Brox, "Learning to Generate Chairs with Convolutional Neural Networks"
    (2015), section 3.
    """

    def __init__(self, factor: Size = 2, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = _validation.pair("factor", factor)
        self.data_format = _validation.channels_last(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        rows, columns = self.factor
        _, height, width, channels = ops.shape(inputs)
        # Zeros after every pixel, then after every row, on views of three axes, which every runtime can pad.
        outputs = ops.pad(ops.reshape(inputs, (-1, 1, channels)), ((0, 0), (0, columns - 1), (0, 0)))
        outputs = ops.reshape(outputs, (-1, 1, width * columns * channels))
        outputs = ops.pad(outputs, ((0, 0), (0, rows - 1), (0, 0)))
        return ops.reshape(outputs, (-1, height * rows, width * columns, channels))

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return scaled(1, self.factor[axis], "nearest")

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, height, width, channels = input_shape
        rows, columns = self.factor
        return (batch, height and height * rows, width and width * columns, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}
