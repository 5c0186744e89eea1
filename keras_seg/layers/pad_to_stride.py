"""Padding that lets a network with a fixed stride take images of any size."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach import Reaches, shifted


@keras.saving.register_keras_serializable("keras_seg")
class PadToStride(keras.layers.Layer):
    """Extends an image at the bottom and at the right to the next multiple of `stride`, by reflection.

    The image keeps its position, so `CropLike` undoes the padding. An image that already fits is returned unchanged.
    Reflection continues past the far border if the image is smaller than the padding, so even one pixel is enough.

    `margin` adds that many more mirrored pixels on every side: those that a network of "valid" convolutions removes.

    Args:
        stride: int or pair of ints (height, width). Defaults to 32.
        margin: int or pair of ints (rows, columns). Pixels added on each side. Defaults to 0.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any dtype.

    Output shape: `(batch, ceil(height / stride) * stride + 2 * margin, ceil(width / stride) * stride + 2 * margin,
        channels)`, the same dtype.

    Raises:
        InputError: if an argument is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
        >>> np.array(ks.layers.PadToStride((1, 4))(x)).ravel().tolist()
        [0.0, 1.0, 2.0, 1.0]
    """

    def __init__(self, stride: Size = 32, *, margin: Size = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stride = _validation.pair("stride", stride)
        self.margin = _validation.pair("margin", margin, minimum=0)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        outputs = inputs
        sides = zip(_ops.spatial_size(inputs), self.stride, self.margin, strict=True)
        for axis, (length, stride, margin) in enumerate(sides, start=1):
            # Positive numbers only: if the size is a tensor, ONNX rounds a negative quotient up.
            fitting = (length + stride - 1) // stride * stride
            if not margin and isinstance(length, int) and length == fitting:
                continue
            positions = _ops.reflected_positions(length, -margin, fitting + margin)
            outputs = ops.take(outputs, positions, axis=axis)
        return outputs

    @property
    def shift_stride(self) -> tuple[int, int]:
        """The steps by which an image can be shifted so that its padding shifts along."""
        return self.stride

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return [shifted(-self.margin[axis])] if self.margin[axis] else []

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        sides = zip(size, self.stride, self.margin, strict=True)
        padded = (n and -(-n // stride) * stride + 2 * margin for n, stride, margin in sides)
        return (batch, *padded, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stride": self.stride, "margin": self.margin}
