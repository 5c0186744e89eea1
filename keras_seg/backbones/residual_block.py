"""The residual block of torchvision's ResNets, and what it is made of."""

import keras

from keras_seg._types import Tensor
from keras_seg.layers.batch_normalization import BatchNormalization


def residual_block(
    x: Tensor, width: int, name: str, *, strides: int = 1, expansion: int | None = None, activate: bool = True
) -> Tensor:
    """Two 3x3 convolutions; or, with an `expansion`, one between 1x1 convolutions that narrow and widen again.

    Without `activate` the sum is returned as it is.
    """
    shortcut, filters = x, width * (expansion or 1)
    kernels = (1, 3, 1) if expansion else (3, 3)
    strided = 2 if expansion else 1
    for number, kernel in enumerate(kernels, start=1):
        last = number == len(kernels)
        x = padded_convolution(
            x, filters if last else width, name, number, kernel=kernel, strides=strides if number == strided else 1
        )
        if not last:
            x = keras.layers.ReLU(name=f"{name}relu{number}")(x)
    if strides > 1 or shortcut.shape[-1] != filters:
        shortcut = _unpadded(filters, 1, strides, f"{name}downsample_conv", use_bias=False)(shortcut)
        shortcut = normalization(f"{name}downsample_bn")(shortcut)
    x = keras.layers.Add(name=f"{name}add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}relu")(x) if activate else x


def padded_convolution(
    x: Tensor, filters: int, name: str, number: int | str, *, kernel: int, strides: int = 1, use_bias: bool = False
) -> Tensor:
    """A convolution and its normalization, `{name}conv{number}` and `{name}bn{number}`."""
    if kernel > 1:
        # Both sides alike, as PyTorch pads: "same" would pad an even size at the far side only.
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}conv{number}_pad")(x)
    x = _unpadded(filters, kernel, strides, f"{name}conv{number}", use_bias=use_bias)(x)
    return normalization(f"{name}bn{number}")(x)


def normalization(name: str) -> BatchNormalization:
    """That of PyTorch's defaults."""
    return BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def _unpadded(filters: int, kernel: int, strides: int, name: str, *, use_bias: bool) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, use_bias=use_bias, kernel_initializer="he_normal", name=name
    )
