"""Bilinear upsampling of each channel separately, fixed or trainable."""

from fractions import Fraction
from typing import Any

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.initializers import Bilinear
from keras_seg.initializers.bilinear import bilinear_kernel
from keras_seg.layers import export_form
from keras_seg.layers.reach import Reaches, transposed
from keras_seg.layers.transposed_convolution import conv_transpose


@keras.saving.register_keras_serializable("keras_seg")
class ChannelDeconvolution2D(keras.layers.Layer):
    """Transposed convolution of each channel separately: bilinear upsampling, fixed or as the start of training.

    The kernel size is `2 * strides`. A fixed kernel is a constant: the layer has no weights and moves the channels into
    the batch axis, so it costs `4 * strides ** 2` multiplications per input value for any number of channels. With
    `trainable=True` each channel has its own kernel, which the computation places on the diagonal of a dense kernel.

    Args:
        strides: int. The upsampling factor; an even one with `padding="same"`.
        padding: `"same"` for a map `strides` times as large, aligned with the input; or `"valid"` for the full extent
            of the kernel, `strides` pixels more. Defaults to `"same"`.
        trainable: bool. Whether the kernels are weights, initialized as bilinear. Defaults to False.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, strides * height, strides * width, channels)`, with `strides` more in height and
        width for `"valid"`.

    Raises:
        InputError: if an argument is invalid.

    Examples:
        >>> import keras, keras_seg as ks
        >>> ks.layers.ChannelDeconvolution2D(32)(keras.Input((7, 7, 21))).shape
        (None, 224, 224, 21)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
        sections 3.3 and 4.3.
    """

    def __init__(self, strides: int, *, padding: str = "same", trainable: bool = False, **kwargs: Any) -> None:
        super().__init__(trainable=bool(trainable), **kwargs)
        self.strides = _validation.integer("strides", strides)
        # Freezing the layer later does not remove its kernel.
        self.has_kernel = bool(trainable)
        self.kernel_size = 2 * self.strides
        self.padding = _validation.one_of("padding", padding, ("same", "valid"))
        if self.padding == "same" and self.strides % 2:
            rule, fix = 'must be even with padding="same", or the map moves by half a pixel', "Use `layers.Resize2D`."
            _validation.fail("strides", rule, strides, fix)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: Any) -> None:
        self.kernel = None
        if self.has_kernel:
            size = 2 * self.strides
            self.kernel = self.add_weight(name="kernel", shape=(size, size, input_shape[-1], 1), initializer=Bilinear())
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        channels = inputs.shape[-1]
        # Phone GPUs refuse several, or compute them wrongly; they take no map of unknown size.
        one_image = export_form.for_gpu() and None not in inputs.shape[1:3]
        if self.has_kernel:
            kernel = ops.cast(self.kernel, inputs.dtype)
        elif one_image and self.strides % 2 == 0:
            return self._resized(inputs)
        else:
            bilinear = bilinear_kernel((self.kernel_size, self.kernel_size))[:, :, None, None]
            kernel = ops.convert_to_tensor(bilinear, dtype=inputs.dtype)
        if self.has_kernel or one_image:
            return self._enlarge(inputs, kernel * ops.eye(channels, dtype=inputs.dtype))
        height, width = _ops.spatial_size(inputs)
        x = ops.reshape(ops.transpose(inputs, (0, 3, 1, 2)), (-1, height, width, 1))
        x = self._enlarge(x, kernel)
        height, width = _ops.spatial_size(x)
        return ops.transpose(ops.reshape(x, (-1, channels, height, width)), (0, 2, 3, 1))

    def _enlarge(self, x: Tensor, kernel: Any) -> Any:
        return conv_transpose(x, kernel, strides=self.strides, padding=self.padding)

    def _resized(self, x: Tensor) -> Any:
        """The same by bilinear resizing, for an even factor: beyond the border, the transposed convolution sees zeros.

        LiteRT's GPU delegate, of 2.3, computes wrong numbers for transposed convolutions with large kernels.
        """
        height, width = _ops.spatial_size(x)
        padded = ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
        size = ((height + 2) * self.strides, (width + 2) * self.strides)
        enlarged = ops.image.resize(padded, size, interpolation="bilinear", data_format="channels_last")
        crop = self.strides if self.padding == "same" else self.strides // 2
        return enlarged[:, crop:-crop, crop:-crop]

    def multiply_adds(self, input_shape: Any) -> int:
        """Multiply-adds of one call; see `keras_seg.analysis.multiply_adds`.

        Trainable kernels lie on the diagonal of a dense kernel, whose zeros are multiplied too.
        """
        _, height, width, channels = input_shape
        return height * width * channels * self.kernel_size**2 * (channels if self.has_kernel else 1)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return [transposed(self.kernel_size, self.strides, 1, self.padding)]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, *size, channels = input_shape
        more = self.strides if self.padding == "valid" else 0
        return (batch, *(n and n * self.strides + more for n in size), channels)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "strides": self.strides,
            "padding": self.padding,
            "has_kernel": self.has_kernel,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "ChannelDeconvolution2D":
        config = dict(config)
        trainable = config.pop("trainable", False)
        # Configs without this key tell both by `trainable`.
        has_kernel = config.pop("has_kernel", trainable)
        layer = super().from_config({**config, "trainable": has_kernel})
        layer.trainable = trainable
        return layer
