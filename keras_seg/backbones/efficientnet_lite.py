"""EfficientNet-Lite: EfficientNet without squeeze-and-excitation, with ReLU6, for phones and int8."""

import math
import string
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.backbones.pyramid import find_pyramid
from keras_seg.backbones.rounded_channels import rounded_channels
from keras_seg.layers.batch_normalization import BatchNormalization

# name: (factor of the channels, factor of the blocks per stage)
VARIANTS = {
    "EfficientNetLite0": (1.0, 1.0),
    "EfficientNetLite1": (1.0, 1.1),
    "EfficientNetLite2": (1.1, 1.2),
    "EfficientNetLite3": (1.2, 1.4),
    "EfficientNetLite4": (1.4, 1.8),
}
LICENSE = None
# The modules of the originals that are no part of a backbone.
CLASSIFIERS = ("classifier", "_fc")

_STEM_FILTERS, _TOP_FILTERS = 32, 1280


class _Stage(NamedTuple):
    repeats: int
    kernel: int
    strides: int
    expansion: int
    filters: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def layers(name: str, x: Tensor) -> Tensor:
    """The layers of network `name` on a normalized image, to the 1280 channels at stride 32."""
    x = _convolve(x, _STEM_FILTERS, "stem", kernel=3, strides=2)
    for prefix, stage, filters, first in _blocks(name):
        x = _block(x, prefix, stage, filters=filters, strides=stage.strides if first else 1)
    return _convolve(x, _TOP_FILTERS, "top")


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The maps of `find_pyramid`; narrow ones leave out the 1280 channels too, which are made for the classifier."""
    found = find_pyramid(network, skips=skips)
    if skips == "narrow":
        found["P5"] = network.get_layer("top_conv").input
    return found


def signature(name: str) -> tuple[dict[str, int], set[str]]:
    """({layer with weights: its channels} of the last block per stage, layers that only longer networks have)."""
    ends = {prefix[:-2]: (prefix[-2], filters) for prefix, _, filters, _ in _blocks(name)}
    last = {f"{stage}{letter}_project_bn": filters for stage, (letter, filters) in ends.items()}
    return last, {f"{stage}{chr(ord(letter) + 1)}_project_bn" for stage, (letter, _) in ends.items()}


def module_of(name: str, layer: str, keys: frozenset[str]) -> str:
    """The module that a layer of network `name` is in a state dict of timm or of efficientnet_lite_pytorch."""
    timm = "conv_stem.weight" in keys
    block, _, part = layer.partition("_")
    if block in ("stem", "top"):
        return (_TIMM_ENDS if timm else _PYTORCH_ENDS)[layer]
    if timm:
        stage, repeat = int(block[5:-1]) - 1, string.ascii_lowercase.index(block[-1])
        modules = _TIMM if _STAGES[stage].expansion > 1 else _TIMM_FIRST
        return f"blocks.{stage}.{repeat}.{modules[part]}"
    number = [prefix for prefix, *_ in _blocks(name)].index(f"{block}_")
    return f"_blocks.{number}.{_PYTORCH[part]}"


_TIMM_ENDS = {
    "stem_conv": "conv_stem",
    "stem_bn": "bn1",
    "top_conv": "conv_head",
    "top_bn": "bn2",
}
_TIMM_FIRST = {"dwconv": "conv_dw", "bn": "bn1", "project_conv": "conv_pw", "project_bn": "bn2"}
_TIMM = {
    "expand_conv": "conv_pw",
    "expand_bn": "bn1",
    "dwconv": "conv_dw",
    "bn": "bn2",
    "project_conv": "conv_pwl",
    "project_bn": "bn3",
}
_PYTORCH_ENDS = {
    "stem_conv": "_conv_stem",
    "stem_bn": "_bn0",
    "top_conv": "_conv_head",
    "top_bn": "_bn1",
}
_PYTORCH = {
    "expand_conv": "_expand_conv",
    "expand_bn": "_bn0",
    "dwconv": "_depthwise_conv",
    "bn": "_bn1",
    "project_conv": "_project_conv",
    "project_bn": "_bn2",
}


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: all of it."""
    return array


def tops(keys: frozenset[str]) -> tuple[str, ...]:
    """The modules that a backbone with narrow maps lacks."""
    modules = _TIMM_ENDS if "conv_stem.weight" in keys else _PYTORCH_ENDS
    return modules["top_conv"], modules["top_bn"]


def _blocks(name: str) -> Iterator[tuple[str, _Stage, int, bool]]:
    """(prefix of the layers' names, stage, channels it ends with, whether it is the first of its stage) per block."""
    width, depth = VARIANTS[name]
    for number, stage in enumerate(_STAGES, start=1):
        # The first and the last stage are not repeated more often in the larger variants.
        repeats = stage.repeats if number in (1, len(_STAGES)) else math.ceil(depth * stage.repeats)
        for repeat in range(repeats):
            letter = string.ascii_lowercase[repeat]
            yield f"block{number}{letter}_", stage, rounded_channels(width * stage.filters), repeat == 0


def _block(x: Tensor, prefix: str, stage: _Stage, *, filters: int, strides: int) -> Tensor:
    shortcut = x
    if stage.expansion > 1:
        x = _convolve(x, stage.expansion * x.shape[-1], f"{prefix}expand")
    x = keras.layers.DepthwiseConv2D(
        stage.kernel,
        strides=strides,
        padding="same",
        use_bias=False,
        depthwise_initializer="he_normal",
        name=f"{prefix}dwconv",
    )(x)
    x = _normalization(f"{prefix}bn")(x)
    x = keras.layers.ReLU(6.0, name=f"{prefix}activation")(x)
    x = _convolution(filters, 1, 1, f"{prefix}project_conv")(x)
    x = _normalization(f"{prefix}project_bn")(x)
    if strides == 1 and shortcut.shape[-1] == filters:
        x = keras.layers.Add(name=f"{prefix}add")([shortcut, x])
    return x


def _convolve(x: Tensor, filters: int, name: str, *, kernel: int = 1, strides: int = 1) -> Tensor:
    x = _convolution(filters, kernel, strides, f"{name}_conv")(x)
    x = _normalization(f"{name}_bn")(x)
    return keras.layers.ReLU(6.0, name=f"{name}_activation")(x)


def _convolution(filters: int, kernel: int, strides: int, name: str) -> keras.layers.Conv2D:
    return keras.layers.Conv2D(
        filters,
        kernel,
        strides=strides,
        padding="same",  # TensorFlow's padding, with which the published weights were trained.
        use_bias=False,
        kernel_initializer="he_normal",
        name=name,
    )


def _normalization(name: str) -> BatchNormalization:
    return BatchNormalization(momentum=0.99, epsilon=1e-3, name=name)
