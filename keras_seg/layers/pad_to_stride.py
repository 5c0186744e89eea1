"""Padding that lets a network with a fixed stride take images of any size."""

import keras
from keras import ops

from keras_seg import _ops, _validation


@keras.saving.register_keras_serializable("keras_seg")
class PadToStride(keras.layers.Layer):
    """Extends an image at the bottom and at the right to the next multiple of `stride`, by reflection.

    The image keeps its place, so `CropLike` undoes it by dropping what was added. An image that already fits passes
    through untouched. Reflection continues past the far border when the image is smaller than the padding, so that one
    pixel is enough.

    Args:
        stride: int or pair of ints (height, width). Defaults to 32.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any dtype.

    Output shape: `(batch, ceil(height / stride) * stride, ceil(width / stride) * stride, channels)`, the same dtype.

    Raises:
        ValueError: if `stride` is not as above.

    Example:

    >>> import keras_seg as ks, numpy as np
    >>> x = np.arange(3.0).reshape(1, 1, 3, 1)
    >>> np.array(ks.layers.PadToStride((1, 4))(x)).ravel().tolist()
    [0.0, 1.0, 2.0, 1.0]
    """

    def __init__(self, stride=32, **kwargs):
        super().__init__(**kwargs)
        self.stride = _validation.pair("stride", stride)

    def call(self, inputs):
        outputs = inputs
        for axis, (length, stride) in enumerate(zip(_ops.spatial_size(inputs), self.stride, strict=True), start=1):
            padded_length = -(-length // stride) * stride
            if isinstance(length, int) and length == padded_length:
                continue
            outputs = ops.take(outputs, _ops.reflected_positions(length, padded_length), axis=axis)
        return outputs

    def compute_output_shape(self, input_shape):
        batch, *size, channels = input_shape
        padded = (n and -(-n // stride) * stride for n, stride in zip(size, self.stride, strict=True))
        return (batch, *padded, channels)

    def get_config(self):
        return {**super().get_config(), "stride": self.stride}
