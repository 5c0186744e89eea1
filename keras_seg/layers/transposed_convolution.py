"""Transposed convolution whose gradient TensorFlow can compute for large kernels."""

from typing import Any

import keras
from keras import ops

from keras_seg import _ops
from keras_seg._types import Tensor

# Up to here the gradient works as it is. With one channel it takes 0.8 GB at stride 24, and asks for 50 GB at 32.
_LARGEST_STRIDE = 16


def conv_transpose(x: Tensor, kernel: Tensor, *, strides: int, padding: str) -> Any:
    """`keras.ops.conv_transpose` of a kernel that is twice as large as its strides.

    oneDNN, with which TensorFlow computes on processors with AVX-512, asks for 50 GB for the convolution that is the
    gradient by a map of one channel with a kernel of 64, and TensorFlow then ends the process. For such kernels the
    gradient is that of the same function in another form.

    Args:
        x: (batch, height, width, channels).
        kernel: (2 * strides, 2 * strides, filters, channels).
        strides: int.
        padding: "same", with even strides, or "valid".

    Returns:
        (batch, strides * height, strides * width, filters); `strides` more in height and width for "valid".
    """
    options = {"strides": strides, "padding": padding, "data_format": "channels_last"}
    if keras.backend.backend() != "tensorflow" or strides <= _LARGEST_STRIDE:
        return ops.conv_transpose(x, kernel, **options)
    import tensorflow as tf

    @tf.custom_gradient
    def enlarge(x: Tensor, kernel: Tensor) -> Any:
        def gradient(upstream: Tensor) -> Any:
            with tf.GradientTape() as tape:
                tape.watch([x, kernel])
                same = by_phases(x, kernel, strides=strides, padding=padding)
            return tape.gradient(same, [x, kernel], output_gradients=upstream)

        return ops.conv_transpose(x, kernel, **options), gradient

    return enlarge(x, kernel)


def by_phases(x: Tensor, kernel: Tensor, *, strides: int, padding: str) -> Any:
    """`conv_transpose` by a convolution of 2x2: each block of outputs depends on four inputs alone."""
    # kernel[a * strides + p] belongs to input i - a of block i and place p in it.
    filters, channels = kernel.shape[2:]
    taps = ops.reshape(kernel, (2, strides, 2, strides, filters, channels))
    taps = ops.flip(ops.transpose(taps, (0, 2, 5, 1, 3, 4)), (0, 1))
    taps = ops.reshape(taps, (2, 2, channels, strides * strides * filters))
    padded = ops.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    blocks = ops.conv(padded, taps, padding="valid", data_format="channels_last")
    full = _ops.pixel_shuffle(blocks, strides)
    cut = strides // 2 if padding == "same" else 0
    return full[:, cut:-cut, cut:-cut] if cut else full
