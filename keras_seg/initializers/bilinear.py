"""A transposed convolution that starts as bilinear interpolation."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor


@keras.saving.register_keras_serializable("keras_seg")
class Bilinear(keras.initializers.Initializer):
    """The kernel of a transposed convolution that interpolates each channel bilinearly.

    `w(y, x) = (1 - |y - c| / f) (1 - |x - c| / f)` with `f = (k + 1) // 2` and `c = f - 1` for odd k, `f - 0.5` for
    even k, from each channel to itself; or one such kernel per channel, for layers that keep channels apart. With
    stride s, a kernel of `2 * s - s % 2` and padding "same" the layer enlarges as `Resize2D(s)` does, except at the
    borders, where it reads zeros. The weights of a channel sum to `s * s`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> kernel = ks.initializers.Bilinear()((4, 4, 1, 1))
        >>> (16 * np.array(kernel)[:, :, 0, 0]).astype(int).tolist()
        [[1, 3, 3, 1], [3, 9, 9, 3], [3, 9, 9, 3], [1, 3, 3, 1]]

    Call arguments:
        shape: (height, width, filters, channels), filters equal to channels, for `keras.layers.Conv2DTranspose`, or
            (height, width, channels, 1), for `keras_seg.layers.ChannelDeconvolution2D`.
        dtype: str. Defaults to Keras' float type.

    Raises:
        InputError: if the shape is not as above.

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation" (2015), section
    3.3; the formula is that of the authors' surgery.py.
    """

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """The kernel."""
        shape = tuple(shape)
        if len(shape) != 4 or shape[3] not in (1, shape[2]):
            _validation.fail(
                "shape",
                "must be (height, width, filters, channels) with as many filters as channels, or (height, width, "
                "channels, 1)",
                shape,
            )
        channels, last = shape[2:]
        diagonal = np.eye(channels) if last == channels else np.ones((channels, 1))
        kernel = bilinear_kernel(shape[:2])[:, :, None, None] * diagonal
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())

    def get_config(self) -> dict[str, Any]:
        """No arguments."""
        return {}


def bilinear_kernel(size: Sequence[int]) -> np.ndarray:
    """The kernel of one channel, a float64 array of `size` = (height, width)."""
    return np.outer(*(_triangle(length) for length in size))


def _triangle(length: int) -> np.ndarray:
    """The weights of bilinear interpolation along one axis."""
    factor = (length + 1) // 2
    center = factor - 1 if length % 2 else factor - 0.5
    return 1 - np.abs(np.arange(length) - center) / factor
