"""Upsampling followed by a convolution, the usual step of a decoder."""

import math
from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.layers.batch_normalization import BatchNormalization
from keras_seg.layers.frozen_parts import freeze_parts
from keras_seg.layers.reach import Reaches, of_everything, scaled, window

INTERPOLATIONS = ("nearest", "bilinear")
NORMALIZATIONS = ("batch", "group", "layer", None)

# For every BatchNormalization in the package: with Keras' 0.99 the moving statistics need about five hundred steps to
# forget their initial values, and a model evaluated before that looks untrained.
BATCH_NORM_MOMENTUM = 0.95
# Keras' own. Models that take weights of PyTorch have its epsilon.
EPSILON = 1e-3
TORCH_EPSILON = 1e-5


@keras.saving.register_keras_serializable("keras_seg")
class UpsampleConv(keras.layers.Layer):
    """Doubles a map, joins it with a skip connection, convolves, normalizes and activates.

    The result is that of these layers, with the doubled map cropped to the size of the skip where that is odd:

    `activation(normalization(Conv2D(filters, kernel_size, padding="same")(Concatenate()([UpSampling2D(2)(x), skip]))))`

    With `interpolation="nearest"` and `kernel_size=3` the same function is computed with less than half the
    multiplications. Each doubled pixel is read by a 3x3 kernel as a 2x2 block of equal values, so doubling and
    convolving is one transposed convolution of stride 2 whose 4x4 kernel is the flipped 3x3 kernel convolved with a 2x2
    box of ones: 16 instead of 36 multiply-adds per input pixel, channel and filter. A convolution of a
    concatenation is the sum of the convolutions of its parts, so neither the doubled map nor the concatenation is ever
    computed. The weights are those of the plain 3x3 convolution, so a checkpoint fits both forms.

    In float16 and bfloat16 the transposed convolution is computed as a convolution to four times the filters, one set
    for each pixel of a 2x2 block: the same products, summed as in any convolution. Backends round a transposed
    convolution more often: TensorFlow's sums in half precision on CPUs and took 2 to 14 times as long, and PyTorch's
    rounds the four products of a pixel one by one.

    Args:
        filters: int. Number of output channels.
        kernel_size: odd int. Defaults to 3.
        interpolation: `"nearest"` or `"bilinear"` (half-pixel centers). Defaults to `"nearest"`.
        normalization: `"batch"` (momentum 0.95), `"group"` (groups of 16 channels, or of the largest divisor of
            `filters` below 16), `"layer"` (over the channels of each pixel) or None. The convolution has a bias only
            for None. Defaults to `"batch"`.
        epsilon: float. Added to the variance by the normalization. Defaults to 1e-3.
        activation: a Keras activation or None. Defaults to `"relu"`.
        fused: bool. False always computes the plain form. Defaults to True.
        odd_sizes: bool. Whether the skip may be one row or column smaller than the doubled map. Where sizes are unknown
            when the graph is built, True computes the plain form, which is correct for any size; False
            promises that the skip is exactly twice as large, which keeps the fast form. Known sizes need no promise.
            Defaults to True.
        kernel_initializer: a Keras initializer. Defaults to `"he_normal"`.
        kernel_regularizer: a Keras regularizer or None. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the map `x`, or the list `[x, skip]`.
        training: bool or None. Passed on to the normalization.

    Input shape: `(batch, height, width, channels)`, or that and `(batch, 2 * height, 2 * width, skip_channels)`, where
        the skip may be one smaller in either direction.

    Output shape: `(batch, 2 * height, 2 * width, filters)`, or the size of the skip.

    Raises:
        InputError: if an argument is invalid, or the skip's size does not fit.

    Examples:
        >>> import keras, keras_seg as ks
        >>> x, skip = keras.Input((8, 8, 32)), keras.Input((16, 16, 16))
        >>> ks.layers.UpsampleConv(24)([x, skip]).shape
        (None, 16, 16, 24)

    Reference: the upsampling is the "resize-convolution" of Odena, Dumoulin and Olah, "Deconvolution and Checkerboard
    Artifacts" (Distill, 2016); the skip is that of Ronneberger, Fischer and Brox, "U-Net" (2015), section 2.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        *,
        interpolation: str = "nearest",
        normalization: str | None = "batch",
        epsilon: float = EPSILON,
        activation: Any = "relu",
        fused: bool = True,
        odd_sizes: bool = True,
        kernel_initializer: Any = "he_normal",
        kernel_regularizer: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filters = _validation.integer("filters", filters)
        self.kernel_size = _validation.integer("kernel_size", kernel_size)
        if self.kernel_size % 2 == 0:
            _validation.fail("kernel_size", "must be odd, so that maps keep their position", kernel_size)
        self.interpolation = _validation.one_of("interpolation", interpolation, INTERPOLATIONS)
        self.normalization = _validation.one_of("normalization", normalization, NORMALIZATIONS)
        self.activation = keras.activations.get(activation)
        self.fused = bool(fused)
        self.odd_sizes = bool(odd_sizes)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel_regularizer = keras.regularizers.get(kernel_regularizer)
        self.epsilon = _validation.number("epsilon", epsilon, 0, 1)
        self.normalize = normalization_layer(
            self.normalization, self.filters, epsilon=self.epsilon, name="normalization", dtype=self.dtype_policy
        )

    def build(self, input_shape: Any) -> None:
        shapes = _shapes(input_shape)
        self.kernel = self.add_weight(
            name="kernel",
            shape=(self.kernel_size, self.kernel_size, sum(shape[-1] for shape in shapes), self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            # The fused kernel is a sum of up to four weights: it is summed in full precision and cast afterwards.
            autocast=False,
        )
        specs = [keras.layers.InputSpec(ndim=4, axes={-1: shape[-1]}) for shape in shapes]
        self.input_spec = specs if len(specs) > 1 else specs[0]
        self.bias = None
        if self.normalize is None:
            self.bias = self.add_weight(name="bias", shape=(self.filters,), initializer="zeros")
        else:
            self.normalize.build((shapes[0][0], None, None, self.filters))
        freeze_parts(self)
        self.built = True

    def call(self, inputs: Tensor, training: Any = None) -> Tensor:
        x, skip = inputs if isinstance(inputs, (list, tuple)) else (inputs, None)
        if skip is not None:
            _check_sizes(x.shape, skip.shape)
        outputs = self._fused(x, skip) if self._can_fuse(x, skip) else self._plain(x, skip)
        if self.normalize is None:
            outputs = outputs + ops.cast(self.bias, outputs.dtype)
        else:
            outputs = self.normalize(outputs, training=training)
        return self.activation(outputs)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        half = (self.kernel_size - 1) // 2
        convolution = window(2 * half + 1, 1, half)
        enlarged = scaled(1, 2, self.interpolation)
        chain = [convolution] if position or not isinstance(enlarged, list) else [*enlarged, convolution]
        return of_everything(chain) if self.normalization == "group" else chain

    def multiply_adds(self, input_shape: Any) -> int:
        """Multiply-adds of one call, in the form used at these shapes; see `keras_seg.analysis.multiply_adds`."""
        x, *skip = (keras.KerasTensor(shape) for shape in _shapes(input_shape))
        places = math.prod(self.compute_output_shape(input_shape)[1:3])
        taps, wide = self.kernel_size**2, sum(tensor.shape[-1] for tensor in (x, *skip))
        if not self._can_fuse(x, *skip or [None]):
            return places * taps * wide * self.filters
        around = int(in_half_precision(self.compute_dtype))  # Windows of the padded map.
        fused = math.prod(n + around for n in x.shape[1:3]) * 16 * x.shape[-1]
        return (fused + places * taps * sum(tensor.shape[-1] for tensor in skip)) * self.filters

    def _can_fuse(self, x: Tensor, skip: Tensor | None = None) -> bool:
        """Whether the fast form applies to a map and a skip or None; only their shapes matter."""
        if not self.fused or self.interpolation != "nearest" or self.kernel_size != 3:
            return False
        if skip is None:
            return True
        # At an odd size the plain convolution reads zeros where the doubled map extends beyond the skip.
        doubled = [None if n is None else 2 * n for n in x.shape[1:3]]
        return all(
            not self.odd_sizes if n is None or m is None else n == m
            for n, m in zip(doubled, skip.shape[1:3], strict=True)
        )

    def _fused_kernels(self, channels: int) -> tuple[Tensor, Tensor]:
        """(4x4 kernel of the transposed convolution for a map with `channels`, 3x3 kernel for the skip)."""
        # Not by an index: TensorFlow's gradient of one takes longer than some convolutions.
        of_map, of_skip = ops.split(self.kernel, [channels], axis=2)
        kernel = ops.flip(of_map, axis=(0, 1))
        # Convolving the kernel with [1, 1] along each of its two spatial axes.
        kernel = ops.pad(kernel, ((0, 1), (0, 0), (0, 0), (0, 0))) + ops.pad(kernel, ((1, 0), (0, 0), (0, 0), (0, 0)))
        kernel = ops.pad(kernel, ((0, 0), (0, 1), (0, 0), (0, 0))) + ops.pad(kernel, ((0, 0), (1, 0), (0, 0), (0, 0)))
        return ops.transpose(kernel, (0, 1, 3, 2)), of_skip

    def _fused(self, x: Tensor, skip: Any) -> Any:
        kernel, of_skip = self._fused_kernels(x.shape[-1])
        outputs = self._enlarge(x, kernel)
        return outputs if skip is None else outputs + self._convolve(skip, of_skip)

    def _enlarge(self, x: Tensor, kernel: Any) -> Any:
        if not in_half_precision(x.dtype):
            kernel = ops.cast(kernel, x.dtype)
            return ops.conv_transpose(x, kernel, strides=2, padding="same", data_format="channels_last")
        around = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        blocks = self._convolve(around, subpixel_kernel(kernel), "valid")
        return _ops.without_border(_ops.pixel_shuffle(blocks, 2))

    def _plain(self, x: Tensor, skip: Any) -> Any:
        height, width = _ops.spatial_size(x)
        x = _ops.resize(x, (2 * height, 2 * width), self.interpolation)
        if skip is not None:
            height, width = _ops.spatial_size(skip)
            x = ops.concatenate([x[:, :height, :width, :], skip], axis=-1)
        return self._convolve(x, self.kernel)

    def _convolve(self, x: Tensor, kernel: Any, padding: str = "same") -> Any:
        return ops.conv(x, ops.cast(kernel, x.dtype), padding=padding, data_format="channels_last")

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        x, *skip = _shapes(input_shape)
        if skip:
            _check_sizes(x, skip[0])
            return (*skip[0][:3], self.filters)
        return (x[0], x[1] and 2 * x[1], x[2] and 2 * x[2], self.filters)

    def get_config(self) -> dict[str, Any]:
        plain = ("filters", "kernel_size", "interpolation", "normalization", "epsilon", "fused", "odd_sizes")
        return {
            **super().get_config(),
            **{name: getattr(self, name) for name in plain},
            "activation": keras.activations.serialize(self.activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "kernel_regularizer": keras.regularizers.serialize(self.kernel_regularizer),
        }


def in_half_precision(dtype: Any) -> bool:
    """Whether a transposed convolution in this dtype may round more than its result."""
    return keras.backend.standardize_dtype(dtype) in ("float16", "bfloat16")


def subpixel_kernel(kernel: Tensor) -> Tensor:
    """(2, 2, channels, 4 * filters) of the 4x4 kernel (4, 4, filters, channels) of a transposed convolution.

    The transposed convolution adds pixel i times tap t to position 2 i - 1 + t. In the map padded by one, window a has
    pixels a - 1 and a, and its shuffled block begins at position 2 a - 1: pixel a contributes to row u of the block by
    tap u, and pixel a - 1 by tap u + 2.
    """
    filters, channels = kernel.shape[2:]
    # (window row, block row, window column, block column, filters, channels): taps 2 and 3 go first.
    taps = ops.flip(ops.reshape(kernel, (2, 2, 2, 2, filters, channels)), axis=(0, 2))
    return ops.reshape(ops.transpose(taps, (0, 2, 5, 1, 3, 4)), (2, 2, channels, 4 * filters))


def normalization_layer(
    normalization: str | None, filters: int, *, epsilon: float = EPSILON, name: str, dtype: Any = None
) -> Any:
    """The layer of one of `NORMALIZATIONS` for a map of so many `filters`, or None for None."""
    if normalization == "batch":
        return BatchNormalization(momentum=BATCH_NORM_MOMENTUM, epsilon=epsilon, dtype=dtype, name=name)
    if normalization == "group":
        group_size = max(n for n in range(1, 17) if filters % n == 0)
        return keras.layers.GroupNormalization(filters // group_size, epsilon=epsilon, dtype=dtype, name=name)
    if normalization == "layer":
        return keras.layers.LayerNormalization(epsilon=epsilon, dtype=dtype, name=name)
    return None


def _shapes(input_shape: Any) -> list[Any]:
    """The shapes of one map or of [map, skip], as a list."""
    nested = isinstance(input_shape[0], (list, tuple))
    shapes = list(input_shape) if nested else [input_shape]
    if len(shapes) != 1 + nested or any(len(shape) != 4 for shape in shapes):
        _validation.fail(
            "inputs", "must be a map (batch, height, width, channels) or the list [map, skip]", input_shape
        )
    return shapes


def _check_sizes(shape: Any, skip_shape: Any) -> None:
    for n, m in zip(shape[1:3], skip_shape[1:3], strict=True):
        if n is not None and m is not None and m not in (2 * n, 2 * n - 1):
            _validation.fail(
                "inputs",
                "must be [map, skip] with the skip twice as large, or one pixel less",
                [tuple(shape), tuple(skip_shape)],
                "Pad the image to a multiple of the stride: keras_seg.layers.PadToStride.",
            )
