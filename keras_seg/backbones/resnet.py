"""ResNets in the form of torchvision: no biases, the stride in the 3x3 convolution."""

import re

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.backbones.residual_block import padded_convolution, residual_block

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
    x = padded_convolution(x, 64, "", 1, kernel=7, strides=2)
    x = keras.layers.ReLU(name="relu")(x)
    # Zeros are below no value behind a ReLU, so they replace PyTorch's padding by minus infinity.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for stage, count in enumerate(repeats, start=1):
        for block in range(count):
            strides = 2 if stage > 1 and block == 0 else 1
            name = f"layer{stage}_{block}_"
            x = residual_block(x, 32 * 2**stage, name, strides=strides, expansion=4 if narrows else None)
    return x


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The stem and the end of each stage, as torchvision has them; there is no narrower map for `skips` to choose.

    `find_pyramid` would take the first convolution of the next stage, which here still has the stride of its input.
    """
    repeats, _ = VARIANTS[name]
    ends = ["relu", *(f"layer{stage}_{count - 1}_relu" for stage, count in enumerate(repeats, start=1))]
    return {f"P{level}": network.get_layer(end).output for level, end in enumerate(ends, start=1)}


def signature(name: str) -> tuple[dict[str, int], set[str]]:
    """({layer with weights: its channels} of the last block per stage, layers that only other networks have)."""
    repeats, narrows = VARIANTS[name]
    last = 3 if narrows else 2
    ends = {
        f"layer{stage}_{count - 1}_bn{last}": (4 if narrows else 1) * 32 * 2**stage
        for stage, count in enumerate(repeats, start=1)
    }
    longer = {f"layer{stage}_{count}_bn1" for stage, count in enumerate(repeats, start=1)}
    return ends, longer if narrows else longer | {"layer1_0_bn3"}


def last_strided(name: str) -> str:
    """The last convolution of network `name` with a stride, apart from the shortcuts."""
    _, narrows = VARIANTS[name]
    return f"layer4_0_conv{2 if narrows else 1}"


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
