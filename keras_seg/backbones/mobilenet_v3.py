"""MobileNetV3 in the form of torchvision: padding on both sides alike."""

import re
from typing import NamedTuple

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.backbones.channel_gate import channel_gate
from keras_seg.backbones.pyramid import find_pyramid
from keras_seg.backbones.rounded_channels import rounded_channels
from keras_seg.layers.batch_normalization import BatchNormalization

LICENSE = None
# The modules of the originals that are no part of a backbone.
CLASSIFIERS = ("classifier.0", "classifier.3")


class _Block(NamedTuple):
    kernel: int
    expanded: int
    filters: int
    squeezes: bool
    activation: str
    strides: int


# name: the blocks of tables 1 and 2 of the paper
VARIANTS = {
    "MobileNetV3LargeTorchvision": (
        _Block(3, 16, 16, False, "relu", 1),
        _Block(3, 64, 24, False, "relu", 2),
        _Block(3, 72, 24, False, "relu", 1),
        _Block(5, 72, 40, True, "relu", 2),
        _Block(5, 120, 40, True, "relu", 1),
        _Block(5, 120, 40, True, "relu", 1),
        _Block(3, 240, 80, False, "hard_swish", 2),
        _Block(3, 200, 80, False, "hard_swish", 1),
        _Block(3, 184, 80, False, "hard_swish", 1),
        _Block(3, 184, 80, False, "hard_swish", 1),
        _Block(3, 480, 112, True, "hard_swish", 1),
        _Block(3, 672, 112, True, "hard_swish", 1),
        _Block(5, 672, 160, True, "hard_swish", 2),
        _Block(5, 960, 160, True, "hard_swish", 1),
        _Block(5, 960, 160, True, "hard_swish", 1),
    ),
    "MobileNetV3SmallTorchvision": (
        _Block(3, 16, 16, True, "relu", 2),
        _Block(3, 72, 24, False, "relu", 2),
        _Block(3, 88, 24, False, "relu", 1),
        _Block(5, 96, 40, True, "hard_swish", 2),
        _Block(5, 240, 40, True, "hard_swish", 1),
        _Block(5, 240, 40, True, "hard_swish", 1),
        _Block(5, 120, 48, True, "hard_swish", 1),
        _Block(5, 144, 48, True, "hard_swish", 1),
        _Block(5, 288, 96, True, "hard_swish", 2),
        _Block(5, 576, 96, True, "hard_swish", 1),
        _Block(5, 576, 96, True, "hard_swish", 1),
    ),
}
_STEM_FILTERS = 16


def layers(name: str, x: Tensor) -> Tensor:
    """The layers of network `name` on a normalized image, to the last map at stride 32."""
    blocks = VARIANTS[name]
    x = _convolve(x, "stem", _STEM_FILTERS, kernel=3, strides=2)
    for number, block in enumerate(blocks, start=1):
        x = _add_block(x, f"block{number}_", block)
    return _convolve(x, "top", 6 * blocks[-1].filters)


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The maps of `find_pyramid`."""
    return find_pyramid(network, skips=skips)


def signature(name: str) -> tuple[dict[str, int], set[str]]:
    """({layer with weights: its channels} of the last block, layers that only longer networks have)."""
    blocks = VARIANTS[name]
    return {f"block{len(blocks)}_project_bn": blocks[-1].filters}, {f"block{len(blocks) + 1}_project_bn"}


def early_map(name: str, network: keras.Model) -> Tensor:
    """The end of the first block at stride 8, the early map of LR-ASPP; `find_pyramid` has the stride's last block."""
    strides = 2
    for number, block in enumerate(VARIANTS[name], start=1):
        strides *= block.strides
        if strides == 8:
            return network.get_layer(f"block{number}_project_bn").output
    raise AssertionError(name)


def last_strided(name: str) -> str:
    """The last convolution of network `name` with a stride."""
    numbers = [number for number, block in enumerate(VARIANTS[name], start=1) if block.strides > 1]
    return f"block{numbers[-1]}_dwconv"


def module_of(name: str, layer: str, keys: frozenset[str]) -> str:
    """The module that a layer is in a state dict of torchvision: its segmentation models leave out `features`."""
    prefix = "features." if "features.0.0.weight" in keys else ""
    place, _, part = layer.partition("_")
    blocks = VARIANTS[name]
    if place in ("stem", "top"):
        number = 0 if place == "stem" else len(blocks) + 1
        return f"{prefix}{number}.{int(part == 'bn')}"
    number = int(re.sub(r"\D", "", place))
    first = number == 1  # It has no expansion, so its parts begin one earlier.
    squeezes = blocks[number - 1].squeezes
    modules = {
        "expand_conv": "0.0",
        "expand_bn": "0.1",
        "dwconv": f"{1 - first}.0",
        "bn": f"{1 - first}.1",
        "squeeze": f"{2 - first}.fc1",
        "excite": f"{2 - first}.fc2",
        "project_conv": f"{2 - first + squeezes}.0",
        "project_bn": f"{2 - first + squeezes}.1",
    }
    return f"{prefix}{number}.block.{modules[part]}"


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: all of it."""
    return array


def tops(keys: frozenset[str]) -> tuple[str, ...]:
    """The modules that a backbone with narrow maps lacks: none."""
    return ()


def _add_block(x: Tensor, name: str, block: _Block) -> Tensor:
    shortcut = x
    if block.expanded != x.shape[-1]:
        x = _convolve(x, f"{name}expand", block.expanded, activation=block.activation)
    x = _padded(x, block.kernel, f"{name}dwconv")
    x = keras.layers.DepthwiseConv2D(
        block.kernel,
        strides=block.strides,
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{name}dwconv",
    )(x)
    x = keras.layers.Activation(block.activation, name=f"{name}activation")(_normalization(f"{name}bn")(x))
    if block.squeezes:
        x = _reweighted(x, name)
    x = _convolve(x, f"{name}project", block.filters, activation=None)
    if block.strides == 1 and shortcut.shape[-1] == block.filters:
        x = keras.layers.Add(name=f"{name}add")([shortcut, x])
    return x


def _reweighted(x: Tensor, name: str) -> Tensor:
    """Squeeze-and-excitation: every channel times a number that depends on all channels' averages."""
    weights = channel_gate(x, rounded_channels(x.shape[-1] // 4), name, activation="hard_sigmoid")
    return keras.layers.Multiply(name=f"{name}reweight")([x, weights])


def _convolve(
    x: Tensor, name: str, filters: int, *, kernel: int = 1, strides: int = 1, activation: str | None = "hard_swish"
) -> Tensor:
    x = keras.layers.Conv2D(
        filters, kernel, strides=strides, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(_padded(x, kernel, f"{name}_conv"))
    x = _normalization(f"{name}_bn")(x)
    return keras.layers.Activation(activation, name=f"{name}_activation")(x) if activation else x


def _padded(x: Tensor, kernel: int, name: str) -> Tensor:
    return keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x) if kernel > 1 else x


def _normalization(name: str) -> BatchNormalization:
    return BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)
