"""Pooling over dilated windows, which Keras lacks."""

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach_bases import Windowed

MODES = ("max", "average")


@keras.saving.register_keras_serializable("keras_seg")
class DilatedPooling2D(Windowed):
    """The maximum or mean over windows whose pixels lie `dilation_rate` apart, with stride 1.

    `keras_seg.surgery.dilate` uses it in place of a strided pooling and of the poolings after it, to keep the
    resolution. With a dilation of 1 it equals `MaxPooling2D` or `AveragePooling2D` with `strides=1`.

    Args:
        pool_size: int or pair of ints (height, width). Defaults to 2.
        dilation_rate: int or pair of ints (height, width). Pixels from one element of the window to the next. Defaults
            to 1.
        mode: `"max"` or `"average"`. Defaults to `"max"`.
        padding: pair of pairs of ints ((top, bottom), (left, right)). Pixels added on each side, which the windows do
            not count. Defaults to `((0, 0), (0, 0))`.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any float dtype.

    Output shape: `(batch, height + top + bottom - (pool_size[0] - 1) * dilation_rate[0], width + ..., channels)`.

    Raises:
        InputError: if an argument is invalid.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.array([5.0, 1.0, 2.0, 3.0, 0.0]).reshape(1, 1, 5, 1)
        >>> np.array(ks.layers.DilatedPooling2D((1, 2), dilation_rate=2)(x)).ravel().tolist()
        [5.0, 3.0, 2.0]

    Reference: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, section 2, for the
        dilation of the layers after a removed stride.
    """

    def __init__(
        self,
        pool_size: Size = 2,
        *,
        dilation_rate: Size = 1,
        mode: str = "max",
        padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pool_size = _validation.pair("pool_size", pool_size)
        self.dilation_rate = _validation.pair("dilation_rate", dilation_rate)
        self.mode = _validation.one_of("mode", mode, MODES)
        if not isinstance(padding, (tuple, list)) or len(padding) != 2:
            _validation.fail("padding", "must be ((top, bottom), (left, right))", padding)
        self.padding = tuple(_validation.pair("padding", side, minimum=0) for side in padding)
        self.strides = (1, 1)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs: Tensor) -> Tensor:
        if self.mode == "max":
            return self._reduced(self._padded(inputs, -math.inf), ops.maximum)
        total = self._reduced(self._padded(inputs, 0.0), ops.add)
        if not any(sum(side) for side in self.padding):
            return total / (self.pool_size[0] * self.pool_size[1])
        # As in Keras, padding does not count in the mean.
        return total / self._reduced(self._padded(ops.ones_like(inputs[:1, :, :, :1]), 0.0), ops.add)

    def _padded(self, x: Tensor, value: float) -> Tensor:
        if not any(sum(side) for side in self.padding):
            return x
        return ops.pad(x, ((0, 0), *self.padding, (0, 0)), constant_values=value)

    def _reduced(self, x: Tensor, combine: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """`combine` over shifted copies, one axis after the other."""
        for axis, (count, step) in enumerate(zip(self.pool_size, self.dilation_rate, strict=True), start=1):
            length = _ops.spatial_size(x)[axis - 1] - (count - 1) * step
            result = None
            for tap in range(count):
                part = slice(tap * step, tap * step + length)
                shifted = x[:, part] if axis == 1 else x[:, :, part]
                result = shifted if result is None else combine(result, shifted)
            x = result
        return x

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        size = (
            n and n + sum(pads) - (count - 1) * step
            for n, pads, count, step in zip(size, self.padding, self.pool_size, self.dilation_rate, strict=True)
        )
        return (batch, *size, channels)

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("pool_size", "dilation_rate", "mode", "padding")}
        return {**super().get_config(), **own}
