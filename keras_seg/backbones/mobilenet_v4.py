"""MobileNetV4 of convolutions alone, in the form of timm: fast on phones' CPUs, GPUs and accelerators alike."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.backbones.pyramid import stage_ends
from keras_seg.backbones.residual_block import normalization, padded_convolution

LICENSE = None
# The modules of the originals that are no part of a backbone.
CLASSIFIERS = ("conv_head", "norm_head", "classifier")


class _Plain(NamedTuple):
    """A convolution."""

    kernel: int
    filters: int
    strides: int = 1


class _Fused(NamedTuple):
    """A convolution to `expansion` times the channels, and a projection."""

    kernel: int
    expansion: int
    filters: int
    strides: int = 1


class _Universal(NamedTuple):
    """An inverted bottleneck; the kernels of its depthwise convolutions before and behind the expansion, 0 for none."""

    before: int
    kernel: int
    expansion: int
    filters: int
    strides: int = 1


def _stage(filters: int, *rows: tuple[int, int, int]) -> tuple[_Universal, ...]:
    """The blocks of a stage: (before, kernel, expansion) each, the first with a stride."""
    return tuple(_Universal(*row, filters, 1 if index else 2) for index, row in enumerate(rows))


# name: the blocks per stage of tables 11 and 12 of the paper
VARIANTS = {
    "MobileNetV4ConvSmall": (
        (_Plain(3, 32, 2), _Plain(1, 32)),
        (_Plain(3, 96, 2), _Plain(1, 64)),
        _stage(96, (5, 5, 3), *4 * [(0, 3, 2)], (3, 0, 4)),
        _stage(128, (3, 3, 6), (5, 5, 4), (0, 5, 4), (0, 5, 3), (0, 3, 4), (0, 3, 4)),
        (_Plain(1, 960),),
    ),
    "MobileNetV4ConvMedium": (
        (_Fused(3, 4, 48, 2),),
        _stage(80, (3, 5, 4), (3, 3, 2)),
        _stage(160, (3, 5, 6), (3, 3, 4), (3, 3, 4), (3, 5, 4), (3, 3, 4), (3, 0, 4), (0, 0, 2), (3, 0, 4)),
        _stage(
            256,
            *((5, 5, 6), (5, 5, 4), (3, 5, 4), (3, 5, 4), (0, 0, 4)),
            *((3, 0, 4), (3, 5, 2), (5, 5, 4), (0, 0, 4), (0, 0, 4), (5, 0, 2)),
        ),
        (_Plain(1, 960),),
    ),
}
_STEM_FILTERS = 32


def layers(name: str, x: Tensor) -> Tensor:
    """The layers of network `name` on a normalized image, to the 960 channels at stride 32."""
    x = _convolve(x, "stem_", _STEM_FILTERS, kernel=3, strides=2)
    for prefix, block in _blocks(name):
        if isinstance(block, _Plain):
            x = _convolve(x, prefix, block.filters, kernel=block.kernel, strides=block.strides)
        else:
            x = _bottleneck(x, prefix, block)
    return x


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The ends of the stages, as timm has them; narrow ones leave out the 960 channels, made for the classifier."""
    ends, deepest = stage_ends(network), "stage4" if skips == "narrow" else "stage5"
    stages = ("stem", "stage1", "stage2", "stage3", deepest)
    return {f"P{level}": ends[stage] for level, stage in enumerate(stages, start=1)}


def signature(name: str) -> tuple[dict[str, int], set[str]]:
    """({layer with weights: its channels} of the last block per stage, layers that only longer networks have)."""
    ends = {
        f"stage{stage}_block{len(blocks) - 1}_project_bn": blocks[-1].filters
        for stage, blocks in enumerate(VARIANTS[name], start=1)
        if not isinstance(blocks[-1], _Plain)
    }
    return ends, {f"stage{stage}_block{len(blocks)}_project_bn" for stage, blocks in enumerate(VARIANTS[name], start=1)}


def module_of(name: str, layer: str, keys: frozenset[str]) -> str:
    """The module that a layer of network `name` is in a state dict of timm."""
    if layer.startswith("stem_"):
        return {"stem_conv": "conv_stem", "stem_bn": "bn1"}[layer]
    found = re.fullmatch(r"stage(\d)_block(\d+)_(\w+)", layer)
    assert found is not None, layer
    stage, index, part = int(found[1]) - 1, int(found[2]), found[3]
    return f"blocks.{stage}.{index}.{_MODULES[type(VARIANTS[name][stage][index])][part]}"


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: all of it."""
    return array


def tops(keys: frozenset[str]) -> tuple[str, ...]:
    """The modules that a backbone with narrow maps lacks."""
    return ("blocks.4.0.conv", "blocks.4.0.bn1")


_MODULES = {
    _Plain: {"conv": "conv", "bn": "bn1"},
    _Fused: {"expand_conv": "conv_exp", "expand_bn": "bn1", "project_conv": "conv_pwl", "project_bn": "bn2"},
    _Universal: {
        "start_dwconv": "dw_start.conv",
        "start_bn": "dw_start.bn",
        "expand_conv": "pw_exp.conv",
        "expand_bn": "pw_exp.bn",
        "dwconv": "dw_mid.conv",
        "bn": "dw_mid.bn",
        "project_conv": "pw_proj.conv",
        "project_bn": "pw_proj.bn",
    },
}


def _blocks(name: str) -> Iterator[tuple[str, _Plain | _Fused | _Universal]]:
    """(prefix of the layers' names, block) per block."""
    for stage, blocks in enumerate(VARIANTS[name], start=1):
        for index, block in enumerate(blocks):
            yield f"stage{stage}_block{index}_", block


def _bottleneck(x: Tensor, prefix: str, block: _Fused | _Universal) -> Tensor:
    shortcut, expanded = x, block.expansion * x.shape[-1]
    if isinstance(block, _Fused):
        x = _convolve(x, f"{prefix}expand_", expanded, kernel=block.kernel, strides=block.strides)
    else:
        if block.before:
            x = _depthwise(x, f"{prefix}start_", block.before)
        x = _convolve(x, f"{prefix}expand_", expanded)
        if block.kernel:
            x = _depthwise(x, prefix, block.kernel, strides=block.strides)
            x = keras.layers.ReLU(name=f"{prefix}relu")(x)
    x = padded_convolution(x, block.filters, f"{prefix}project_", "", kernel=1)
    if block.strides == 1 and shortcut.shape[-1] == block.filters:
        x = keras.layers.Add(name=f"{prefix}add")([shortcut, x])
    return x


def _convolve(x: Tensor, prefix: str, filters: int, *, kernel: int = 1, strides: int = 1) -> Tensor:
    x = padded_convolution(x, filters, prefix, "", kernel=kernel, strides=strides)
    return keras.layers.ReLU(name=f"{prefix}relu")(x)


def _depthwise(x: Tensor, prefix: str, kernel: int, *, strides: int = 1) -> Tensor:
    x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{prefix}dwconv_pad")(x)
    x = keras.layers.DepthwiseConv2D(
        kernel, strides=strides, use_bias=False, depthwise_initializer="he_normal", name=f"{prefix}dwconv"
    )(x)
    return normalization(f"{prefix}bn")(x)
