"""Resizing of feature maps and masks at static or dynamic size."""

import math

import keras
from keras import ops

from keras_seg import _ops, _validation

INTERPOLATIONS = ("nearest", "bilinear", "bicubic")


@keras.saving.register_keras_serializable("keras_seg")
class Resize2D(keras.layers.Layer):
    """Enlarges the two spatial axes by a whole factor.

    Pixel centers lie at half integers (`align_corners=False`, TensorFlow 2's and PyTorch's default), and borders are
    clamped: `[[1, 2], [3, 4]]` enlarged twice has the first row `1 1.25 1.75 2` with `"bilinear"` and `1 1 2 2` with
    `"nearest"`. Unlike `keras.layers.UpSampling2D(interpolation="bilinear")` it can be exported at unknown sizes, and
    unlike `keras.layers.Resizing` it leaves later BatchNormalization layers alone in `predict`.

    `"bicubic"` is the cubic convolution of PyTorch and OpenCV, with a = -0.75 and the border pixels repeated; the first
    row is `0.68 1.02 1.56 1.89`, and values can overshoot. `keras.ops.image.resize` takes a = -0.5 on TensorFlow and
    JAX and leaves out what lies beyond the border (`0.7353 1.0307 1.6164 1.9118`), where on torch it does as we do.

    Args:
        size: int or pair of ints (height, width). The factor. Defaults to 2.
        interpolation: `"nearest"`, `"bilinear"` or `"bicubic"`. Defaults to `"bilinear"`.
        data_format: `"channels_last"`, or None for the setting of Keras, which must be that. Defaults to None.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`, any float dtype.

    Output shape: `(batch, height * size[0], width * size[1], channels)`, the same dtype.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x = np.array([[1.0, 2.0], [3.0, 4.0]]).reshape(1, 2, 2, 1)
        >>> np.array(ks.layers.Resize2D(2)(x))[0, 0, :, 0].tolist()
        [1.0, 1.25, 1.75, 2.0]

    Reference: Keys, "Cubic Convolution Interpolation for Digital Image Processing" (1981), section II, for `"bicubic"`.
    """

    def __init__(self, size=2, *, interpolation="bilinear", data_format=None, **kwargs):
        super().__init__(**kwargs)
        self.size = _validation.pair("size", size)
        self.interpolation = _validation.one_of("interpolation", interpolation, INTERPOLATIONS)
        self.data_format = _validation.channels_last(data_format)
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(ndim=4)

    def call(self, inputs):
        if self.interpolation == "bicubic":
            return _bicubic(inputs, self.size)
        height, width = _ops.spatial_size(inputs)
        return _ops.resize(inputs, (height * self.size[0], width * self.size[1]), self.interpolation)

    def compute_output_shape(self, input_shape):
        batch, height, width, channels = input_shape
        rows, columns = self.size
        return (batch, height and height * rows, width and width * columns, channels)

    def get_config(self):
        return {
            **super().get_config(),
            "size": self.size,
            "interpolation": self.interpolation,
            "data_format": self.data_format,
        }


def _bicubic(x, size):
    """Weighted sums of shifted maps: TFLite has no bicubic operator, and the backends do not agree on its weights."""
    rows, columns = size
    _, height, width, channels = ops.shape(x)
    outputs = ops.cast(x, "float32")
    outputs = ops.reshape(ops.stack(_phases(outputs, 1, rows), axis=2), (-1, height * rows, width, channels))
    outputs = ops.stack(_phases(outputs, 2, columns), axis=3)
    return ops.cast(ops.reshape(outputs, (-1, height * rows, width * columns, channels)), x.dtype)


def _phases(x, axis, factor):
    """The maps that, woven together along `axis`, are `x` enlarged `factor` times."""
    length = ops.shape(x)[axis]

    def part(x, start, stop):
        return x[:, start:stop] if axis == 1 else x[:, :, start:stop]

    # An output lies at most half a pixel before or after a center, and reads two pixels to either side.
    first, last = part(x, 0, 1), part(x, length - 1, length)
    padded = ops.concatenate([first, first, x, last, last], axis=axis)
    phases = []
    for phase in range(factor):
        source = (phase + 0.5) / factor - 0.5
        before = math.floor(source)
        taps = [(before + n, _cubic(source - before - n)) for n in (-1, 0, 1, 2)]
        phases.append(sum(part(padded, 2 + shift, 2 + shift + length) * weight for shift, weight in taps if weight))
    return phases


def _cubic(distance, a=-0.75):
    """Keys' weight of a pixel at `distance`, with the `a` of PyTorch and OpenCV."""
    distance = abs(distance)
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return ((distance - 5) * distance + 8) * distance * a - 4 * a
