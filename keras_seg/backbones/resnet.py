"""ResNets in the form of torchvision: no biases, the stride in the 3x3 convolution."""

import re

import keras
import numpy as np

from keras_seg._types import Tensor

# name: (blocks per stage, whether a block narrows to a quarter of its channels for its 3x3 convolution)
VARIANTS = {
    "ResNet18": ((2, 2, 2, 2), False),
    "ResNet34": ((3, 4, 6, 3), False),
    "ResNet50Torchvision": ((3, 4, 6, 3), True),
    "ResNet101Torchvision": ((3, 4, 23, 3), True),
}
LICENSE = None
# The modules of the originals that are no part of a backbone.
CLASSIFIERS = ("fc",)


def layers(name: str, x: Tensor) -> Tensor:
    """The layers of network `name` on a normalized image, to the last map at stride 32."""
    repeats, narrows = VARIANTS[name]
    x = _convolve(x, 64, "", 1, kernel=7, strides=2)
    x = keras.layers.ReLU(name="relu")(x)
    # Zeros are below no value behind a ReLU, so they replace PyTorch's padding by minus infinity.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, count in enumerate(repeats, start=1):
        for block in range(count):
            strides = 2 if stage > 1 and block == 0 else 1
            x = _block(x, 32 * 2**stage, f"layer{stage}_{block}_", strides=strides, narrows=narrows)
    return x


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The stem and the end of each stage, as torchvision has them; there is no narrower map for `skips` to choose.

    `find_pyramid` would take the first convolution of the next stage, which here still has the stride of its input.
    """
    repeats, _ = VARIANTS[name]
    ends = ["relu", *(f"layer{stage}_{count - 1}_relu" for stage, count in enumerate(repeats, start=1))]
    return {f"P{level}": network.get_layer(end).output for level, end in enumerate(ends, start=1)}


def module_of(name: str, layer: str, keys: frozenset[str]) -> str:
    """The module that a layer of any of them is in a state dict of torchvision, timm or segmentation_models_pytorch."""
    module = re.sub(r"^layer(\d)_(\d+)_", r"layer\1.\2.", layer)
    return module.replace("downsample_conv", "downsample.0").replace("downsample_bn", "downsample.1")


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: all of it."""
    return array


def tops(keys: frozenset[str]) -> tuple[str, ...]:
    """The modules that a backbone with narrow maps lacks: none."""
    return ()


def _block(x: Tensor, width: int, name: str, *, strides: int, narrows: bool) -> Tensor:
    shortcut, filters = x, 4 * width if narrows else width
    kernels = (1, 3, 1) if narrows else (3, 3)
    strided = 2 if narrows else 1
    for number, kernel in enumerate(kernels, start=1):
        last = number == len(kernels)
        x = _convolve(
            x, filters if last else width, name, number, kernel=kernel, strides=strides if number == strided else 1
        )
        if not last:
            x = keras.layers.ReLU(name=f"{name}relu{number}")(x)
    if strides > 1 or shortcut.shape[-1] != filters:
        shortcut = _unpadded(filters, 1, strides, f"{name}downsample_conv")(shortcut)
        shortcut = _normalization(f"{name}downsample_bn")(shortcut)
    x = keras.layers.Add(name=f"{name}add")([x, shortcut])
    return keras.layers.ReLU(name=f"{name}relu")(x)


def _convolve(x: Tensor, filters: int, name: str, number: int, *, kernel: int, strides: int) -> Tensor:
    if kernel > 1:
        # Both sides alike, as PyTorch pads: "same" would pad an even size at the far side only.
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}conv{number}_pad")(x)
    x = _unpadded(filters, kernel, strides, f"{name}conv{number}")(x)
    return _normalization(f"{name}bn{number}")(x)


def _unpadded(filters: int, kernel: int, strides: int, name: str) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        filters, kernel, strides=strides, use_bias=False, kernel_initializer="he_normal", name=name
    )


def _normalization(name: str) -> keras.layers.BatchNormalization:
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)
