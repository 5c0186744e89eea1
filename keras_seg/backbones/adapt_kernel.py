"""The first kernel of a network, adapted to other numbers of channels."""

import numpy as np

from keras_seg._types import Tensor


def adapt_kernel(kernel: Tensor, channels: int, *, bgr: bool = False) -> np.ndarray:
    """The first convolution's `kernel` for three colors, adapted to `channels` input channels.

    - One or two channels: each gets the sum of the three colors' kernels, divided by the number of channels.
    - More than three: channel `i` gets the kernel of color `i % 3` (R, G, B), divided by the number of channels that
      share the color.

    The sum of the kernels does not change, so an image that is equal in all channels (gray) keeps the response it had
    in color: with more than three channels exactly, with one or two if the three colors are normalized alike (exactly
    in the modes `"tf"`, `"tf128"` and `"lite"`; otherwise their constants are replaced by the mean).

    Args:
        kernel: array. (height, width, 3, filters).
        channels: int. The channels to adapt to.
        bgr: bool. Whether `kernel` expects blue first (`"caffe"`); `channels` other than three are never swapped.
            Defaults to False.

    Returns:
        An array (height, width, channels, filters).
    """
    kernel = np.asarray(kernel)
    if channels == 3:
        return kernel
    if channels < 3:
        return np.repeat(kernel.sum(axis=2, keepdims=True) / channels, channels, axis=2)
    colors = np.arange(channels) % 3
    shared = np.bincount(colors)[colors].astype(kernel.dtype)
    rgb = kernel[:, :, ::-1] if bgr else kernel
    return rgb[:, :, colors] / shared[:, None]
