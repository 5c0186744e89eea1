"""Resizing of feature maps and masks at static or dynamic size."""

import keras

from keras_seg import _ops, _validation

INTERPOLATIONS = ("nearest", "bilinear")


@keras.saving.register_keras_serializable("keras_seg")
class Resize2D(keras.layers.Layer):
    """Enlarges the two spatial axes by a whole factor.

    Pixel centres lie at half integers (`align_corners=False`, TensorFlow 2's and PyTorch's default), and borders are
    clamped: `[[1, 2], [3, 4]]` enlarged twice has the first row `1 1.25 1.75 2` with `"bilinear"` and `1 1 2 2` with
    `"nearest"`. Unlike `keras.layers.UpSampling2D(interpolation="bilinear")` it can be exported at unknown sizes, and
    unlike `keras.layers.Resizing` it leaves later BatchNormalization layers alone in `predict`.

    Args:
        size: int or pair of ints (height, width). The factor. Defaults to 2.
        interpolation: `"nearest"` or `"bilinear"`. Defaults to `"bilinear"`.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any float dtype.

    Output shape: `(batch, height * size[0], width * size[1], channels)`, the same dtype.

    Raises:
        ValueError: if an argument is not as above.

    Example:

    >>> import keras_seg as ks, numpy as np
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
    >>> np.array(ks.layers.Resize2D(2)(x))[0, 0, :, 0].tolist()
    [1.0, 1.25, 1.75, 2.0]
    """

    def __init__(self, size=2, interpolation="bilinear", **kwargs):
        super().__init__(**kwargs)
        self.size = _validation.pair("size", size)
        self.interpolation = _validation.one_of("interpolation", interpolation, INTERPOLATIONS)
        self.supports_masking = True

    def call(self, inputs):
        height, width = _ops.spatial_size(inputs)
        return _ops.resize(inputs, (height * self.size[0], width * self.size[1]), self.interpolation)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        rows, columns = self.size
        return (batch, height and height * rows, width and width * columns, channels)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "interpolation": self.interpolation}
