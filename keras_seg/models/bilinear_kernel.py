"""The bilinear interpolation kernel, with which transposed convolutions start."""

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg.initializers.bilinear import triangle


def bilinear_kernel(kernel_size):
    """The kernel with which a transposed convolution of stride s = ceil(kernel_size / 2) enlarges bilinearly.

    With f = (kernel_size + 1) // 2 and the centre c = f - 1 for an odd size, f - 0.5 for an even one,
    `w(x, y) = (1 - |x - c| / f) (1 - |y - c| / f)`. Its sum is the square of the stride for even sizes, so that every
    pixel of an enlarged constant is that constant.

    Args:
        kernel_size: int.

    Returns:
        float32 array (kernel_size, kernel_size).

    Example:
        >>> print(16 * bilinear_kernel(4)[0])
        [1. 3. 3. 1.]

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section
        3.3; the formula is that of `upsample_filt` in the authors' code.
    """
    kernel_size = _validation.integer("kernel_size", kernel_size)
    ramp = triangle(kernel_size)
    return np.outer(ramp, ramp).astype("float32")


@keras.saving.register_keras_serializable("keras_seg")
class BilinearKernel(keras.initializers.Initializer):
    """Initializes a kernel (k, k, channels, channels) with `bilinear_kernel(k)` on the diagonal of the channels.

    A kernel (k, k, channels, 1), one for each channel, gets it for every channel.
    """

    def __call__(self, shape, dtype=None):
        """The kernel of `shape`."""
        rows, columns, channels, last = shape
        if rows != columns or last not in (1, channels):
            _validation.fail("shape", "must be (k, k, channels, channels) or (k, k, channels, 1)", tuple(shape))
        diagonal = np.eye(channels, dtype="float32") if last == channels else np.ones((channels, 1), "float32")
        kernel = bilinear_kernel(rows)[:, :, None, None] * diagonal
        return ops.convert_to_tensor(kernel, dtype=dtype or keras.config.floatx())
