"""The decoder of SegFormer in one layer: linear layers on maps of several sizes."""

import math
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.layers.frozen_parts import freeze_parts
from keras_seg.layers.map_lists import is_map_list
from keras_seg.layers.reach import Reaches, resized


@keras.saving.register_keras_serializable("keras_seg")
class LinearFusion(keras.layers.Layer):
    """Projects maps of several sizes, enlarges them to the size of the last one, joins and convolves them.

    The result is that of these layers, the maps being given from the coarsest to the finest:

    `Conv2D(filters, 1)(Concatenate()([ResizeLike()([Conv2D(filters, 1)(x), maps[-1]]) for x in maps]))`

    Everything here is linear, so the order may change: a convolution of a concatenation is the sum of convolutions of
    its parts, a 1x1 convolution may go before the bilinear resizing, and two 1x1 convolutions in a row are one, whose
    kernel is the product of theirs. So each map is convolved once, at its own size. For the maps of MiTB0 and 256
    filters that takes a seventeenth of the multiply-adds, and neither the projected maps nor their concatenation are
    ever computed. The weights are those of the plain form, so weights of a published SegFormer fit.

    Args:
        filters: int. Channels of each projection, and of the result.
        use_bias: bool. Whether the last convolution has a bias. The projections always have one. Defaults to False:
            a normalization follows.
        kernel_initializer: a Keras initializer, of the last convolution. Defaults to `"he_normal"`.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: list of maps, the finest one last.

    Input shape: list of `(batch, height, width, channels)`; heights, widths and channels may differ.

    Output shape: `(batch, height, width, filters)`, with the height and width of the last map.

    Raises:
        InputError: if an argument is invalid, or the inputs are not a list of maps.

    Examples:
        >>> import keras, keras_seg as ks
        >>> coarse, fine = keras.Input((8, 8, 320)), keras.Input((32, 32, 24))
        >>> ks.layers.LinearFusion(64)([coarse, fine]).shape
        (None, 32, 32, 64)

    Reference: Xie, Wang, Yu, Anandkumar, Alvarez and Luo, "SegFormer" (2021), section 3.2, equation (4).
    """

    def __init__(
        self, filters: int, *, use_bias: bool = False, kernel_initializer: Any = "he_normal", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.filters = _validation.integer("filters", filters)
        self.use_bias = _validation.boolean("use_bias", use_bias)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, input_shape: Any) -> None:
        if not isinstance(input_shape, (list, tuple)) or not is_map_list(input_shape, len(input_shape)):
            _validation.fail("inputs", "must be a list of maps (batch, height, width, channels)", input_shape)
        self.projections = [
            _Weights(shape[-1], self.filters, dtype=self.dtype_policy, name=f"projection{number}")
            for number, shape in enumerate(input_shape)
        ]
        self.fusion = _Weights(
            self.filters * len(input_shape),
            self.filters,
            use_bias=self.use_bias,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="fusion",
        )
        self.input_spec = [keras.layers.InputSpec(ndim=4, axes={-1: shape[-1]}) for shape in input_shape]
        freeze_parts(self)
        self.built = True

    @property
    def parts(self) -> list[keras.layers.Layer]:
        """Layers with the weights of the plain form: the coarsest map's first, those of the last convolution last."""
        return [*self.projections, self.fusion]

    @property
    def bias(self) -> Any:
        """The bias of the last convolution, or None."""
        return self.fusion.bias

    def call(self, inputs: Any) -> Any:
        kernels, bias = self.kernels_and_bias()
        size = _ops.spatial_size(inputs[-1])
        total = self._convolve(inputs[-1], kernels[-1])
        total = total + ops.cast(bias, total.dtype)
        for x, kernel in zip(inputs[:-1], kernels[:-1], strict=True):
            total = total + _ops.resize(self._convolve(x, kernel), size, "bilinear")
        return total

    def kernels_and_bias(self) -> tuple[list[Any], Any]:
        """(the kernel (1, 1, channels, filters) for each map, the bias (filters,) of the sum)."""
        shares = ops.split(self.fusion.kernel, len(self.projections), axis=2)
        kernels, bias = [], 0 if self.bias is None else self.bias
        for projection, share in zip(self.projections, shares, strict=True):
            kernels.append(ops.matmul(projection.kernel, share))
            bias = bias + ops.matmul(projection.bias, ops.squeeze(share, (0, 1)))
        return kernels, bias

    def _convolve(self, x: Tensor, kernel: Any) -> Any:
        return ops.conv(x, ops.cast(kernel, x.dtype), padding="valid", data_format="channels_last")

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return [] if position == len(self.projections) - 1 else resized(size, output_size, scale, "bilinear")

    def multiply_adds(self, input_shape: Any) -> int:
        """Multiply-adds of one call, without those of the kernels, which a file holds ready."""
        return sum(math.prod(shape[1:]) for shape in input_shape) * self.filters

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        return (*input_shape[-1][:3], self.filters)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "use_bias": self.use_bias,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


class _Weights(keras.layers.Layer):
    """The kernel and the bias of a 1x1 convolution, which is not computed by itself.

    They are not cast in half precision: products of kernels are made in full, and rounded once.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        *,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        shape = (1, 1, channels, filters)
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=kernel_initializer, autocast=False)
        self.bias = None
        if use_bias:
            self.bias = self.add_weight(name="bias", shape=(filters,), initializer="zeros", autocast=False)
        self.built = True
