"""Bilinear enlargement of each channel by itself, frozen or learned."""

import keras
from keras import ops

from keras_seg import _ops, _validation
from keras_seg.initializers import Bilinear
from keras_seg.initializers.bilinear import bilinear_kernel


@keras.saving.register_keras_serializable("keras_seg")
class ChannelDeconvolution2D(keras.layers.Layer):
    """Transposed convolution that keeps channels apart: bilinear enlargement, or what is learned from there.

    The kernel has twice the stride's size. Frozen, it is a constant: the layer holds no weights and folds the channels
    into the batch, so that it costs `4 * strides^2` multiplications an input value however many channels there are.
    Learnt, each channel has a kernel of its own, which is put on the diagonal of a dense one when it is applied.

    Args:
        strides: int. The enlargement.
        padding: `"same"` for a map `strides` times as large, aligned with the input; or `"valid"` for the whole reach
            of the kernel, `strides` pixels more. Defaults to `"same"`.
        learned: bool. Defaults to False.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: `(batch, strides * height, strides * width, channels)`, or `strides` more in height and width.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras, keras_seg as ks
        >>> ks.layers.ChannelDeconvolution2D(32)(keras.Input((7, 7, 21))).shape
        (None, 224, 224, 21)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
        sections 3.3 and 4.3.
    """

    def __init__(self, strides, *, padding="same", learned=False, **kwargs):
        super().__init__(**kwargs)
        self.strides = _validation.integer("strides", strides)
        self.kernel_size = 2 * self.strides
        self.padding = _validation.one_of("padding", padding, ("same", "valid"))
        self.learned = bool(learned)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape):
        self.kernel = None
        if self.learned:
            size = 2 * self.strides
            self.kernel = self.add_weight(name="kernel", shape=(size, size, input_shape[-1], 1), initializer=Bilinear())
        self.built = True

    def call(self, inputs):
        channels = inputs.shape[-1]
        if self.learned:
            kernel = ops.cast(self.kernel, inputs.dtype)
            return self._enlarge(inputs, kernel * ops.eye(channels, dtype=inputs.dtype))
        height, width = _ops.spatial_size(inputs)
        x = ops.reshape(ops.transpose(inputs, (0, 3, 1, 2)), (-1, height, width, 1))
        kernel = bilinear_kernel((self.kernel_size, self.kernel_size))[:, :, None, None]
        x = self._enlarge(x, ops.convert_to_tensor(kernel, dtype=inputs.dtype))
        height, width = _ops.spatial_size(x)
        return ops.transpose(ops.reshape(x, (-1, channels, height, width)), (0, 2, 3, 1))

    def _enlarge(self, x, kernel):
        return ops.conv_transpose(x, kernel, strides=self.strides, padding=self.padding, data_format="channels_last")

    def multiply_adds(self, input_shape):
        """Of one call, each channel by itself; see `keras_seg.analysis.multiply_adds`.

        Learnt, the kernels are put on the diagonal of a dense one, whose zeros are multiplied as well.
        """
        _, height, width, channels = input_shape
        return height * width * channels * self.kernel_size**2 * (channels if self.learned else 1)

    def compute_output_shape(self, input_shape):
        batch, *size, channels = input_shape
        more = self.strides if self.padding == "valid" else 0
        return (batch, *(n and n * self.strides + more for n in size), channels)

    def get_config(self):
        return {
            **super().get_config(),
            "strides": self.strides,
            "padding": self.padding,
            "learned": self.learned,
        }
