"""Upsampling that rearranges channels into pixels."""

from fractions import Fraction
from typing import Any

import keras
import numpy as np

from keras_seg import _ops, _validation
from keras_seg._types import ArrayLike, Tensor
from keras_seg.layers.reach import Reaches, scaled


@keras.saving.register_keras_serializable("keras_seg")
class PixelShuffle2D(keras.layers.Layer):
    """Enlarges a map by turning the channels of each pixel into a block of pixels.

    The channel order is that of `tf.nn.depth_to_space`: pixel (i, j) of a block of r x r has, as its channel c of C,
    channel `(i * r + j) * C + c` of the input. torch's PixelShuffle reads channel `c * r * r + i * r + j`;
    `shuffle_order_from_torch` reorders the weights of the convolution before it. Initialize that convolution with
    `keras_seg.initializers.ICNR`, or the blocks will show as a checkerboard.

    Args:
        factor: int. The upsampling factor r. Defaults to 2.
        data_format: `"channels_last"`, or None for Keras' setting, which must be the same. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any dtype, channels a multiple of `factor * factor`.

    Output shape: `(batch, height * factor, width * factor, channels / (factor * factor))`, the same dtype.

    Raises:
        InputError: if an argument is invalid, or the channels are not a multiple of `factor * factor`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.array([1.0, 2, 3, 4]).reshape(1, 1, 1, 4)
        >>> np.array(ks.layers.PixelShuffle2D()(x))[0, :, :, 0].tolist()
        [[1.0, 2.0], [3.0, 4.0]]

    Reference: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    Neural Network" (2016), section 2.2.
    """

    def __init__(self, factor: int = 2, *, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.factor = _validation.integer("factor", factor)
        self.data_format = _validation.channels_last(data_format)
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def build(self, input_shape: Any) -> None:
        self.compute_output_shape(input_shape)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        if self.factor == 1:
            return inputs
        return _ops.pixel_shuffle(inputs, self.factor)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return scaled(1, self.factor, "nearest")

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        batch, height, width, channels = input_shape
        if channels is not None and channels % self.factor**2 != 0:
            _validation.fail(
                "inputs",
                f"must have channels that are a multiple of factor * factor = {self.factor**2}",
                tuple(input_shape),
                f"Give the convolution before it filters * {self.factor**2} filters.",
            )
        return (
            batch,
            height and height * self.factor,
            width and width * self.factor,
            channels and channels // self.factor**2,
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "data_format": self.data_format}


def shuffle_order_from_torch(weights: ArrayLike, *, factor: int = 2) -> np.ndarray:
    """Reorder the last axis of weights from the channel order of torch's PixelShuffle to that of `PixelShuffle2D`.

    Args:
        weights: array whose last axis is a multiple of `factor * factor`: the kernel (height, width, inputs, outputs)
            or the bias of the convolution before the shuffle, or a map (batch, height, width, channels).
        factor: int. The upsampling factor. Defaults to 2.

    Returns:
        NumPy array of the same shape and dtype.

    Raises:
        InputError: if the last axis is not a multiple of `factor * factor`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> bias = np.arange(8)  # torch's order: four positions of the first channel, then four of the second.
        >>> ks.layers.shuffle_order_from_torch(bias, factor=2).tolist()
        [0, 4, 1, 5, 2, 6, 3, 7]
    """
    weights, positions = np.asarray(weights), _validation.integer("factor", factor) ** 2
    if weights.ndim == 0 or weights.shape[-1] % positions != 0:
        _validation.fail("weights", f"must have a last axis that is a multiple of {positions}", weights.shape)
    blocks = weights.reshape(*weights.shape[:-1], weights.shape[-1] // positions, positions)
    return np.ascontiguousarray(blocks.swapaxes(-1, -2)).reshape(weights.shape)
