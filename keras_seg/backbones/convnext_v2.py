"""ConvNeXt V2 in the form of timm: large depthwise kernels, and channels that compete for strength."""

import re

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.backbones.pyramid import stage_ends
from keras_seg.layers.channel_normalization import ChannelNormalization
from keras_seg.layers.global_response_normalization import GlobalResponseNormalization

# name: (channels of the first stage, which double in each further one; blocks per stage)
VARIANTS = {
    "ConvNeXtV2Atto": (40, (2, 2, 6, 2)),
    "ConvNeXtV2Femto": (48, (2, 2, 6, 2)),
    "ConvNeXtV2Pico": (64, (2, 2, 6, 2)),
    "ConvNeXtV2Nano": (80, (2, 2, 8, 2)),
    "ConvNeXtV2Tiny": (96, (3, 3, 9, 3)),
}
# The modules of the originals that are no part of a backbone.
CLASSIFIERS = ("head.norm", "head.fc")
LICENSE = (
    "The weights that Meta published for ConvNeXt V2 are licensed for non-commercial use only "
    "(https://github.com/facebookresearch/ConvNeXt-V2). Weights of your own are not concerned."
)

_EXPANSION = 4
# The layers of a block, in timm.
_MODULES = {
    "depthwise": "conv_dw",
    "norm": "norm",
    "expand": "mlp.fc1",
    "response": "mlp.grn",
    "shrink": "mlp.fc2",
}
# The names of transformers and of the authors, as patterns, and those of timm. No name of timm has one of the patterns.
OTHER_NAMES = (
    # transformers
    (r"^(?:convnextv2\.)?embeddings\.patch_embeddings\.", "stem.0."),
    (r"^(?:convnextv2\.)?embeddings\.layernorm\.", "stem.1."),
    (r"^(?:convnextv2\.)?encoder\.stages\.(\d)\.downsampling_layer\.", r"stages.\1.downsample."),
    (r"^(?:convnextv2\.)?encoder\.stages\.(\d)\.layers\.", r"stages.\1.blocks."),
    (r"^(?:convnextv2\.)?layernorm\.", "head.norm."),
    (r"^classifier\.", "head.fc."),
    # The authors
    (r"^downsample_layers\.0\.", "stem."),
    (r"^downsample_layers\.(\d)\.", r"stages.\1.downsample."),
    (r"^stages\.(\d)\.(\d+)\.", r"stages.\1.blocks.\2."),
    (r"^norm\.", "head.norm."),
    (r"^head\.(weight|bias)$", r"head.fc.\1"),
    # Both, inside of a block
    (r"\.dwconv\.", ".conv_dw."),
    (r"(\.blocks\.\d+)\.layernorm\.", r"\1.norm."),
    (r"\.pwconv(\d)\.", r".mlp.fc\1."),
    (r"(\.blocks\.\d+)\.grn\.(?:gamma|weight)$", r"\1.mlp.grn.weight"),
    (r"(\.blocks\.\d+)\.grn\.(?:beta|bias)$", r"\1.mlp.grn.bias"),
)


def layers(name: str, x: Tensor) -> Tensor:
    """The layers of network `name` on a normalized image, to the last map at stride 32."""
    width, repeats = VARIANTS[name]
    x = _normalization("stem_norm")(_patches(x, width, 4, "stem_conv"))
    for stage, count in enumerate(repeats, start=1):
        if stage > 1:
            x = _normalization(f"stage{stage}_down_norm")(x)
            x = _patches(x, 2 * x.shape[-1], 2, f"stage{stage}_down_conv")
        for block in range(count):
            x = _block(x, f"stage{stage}_block{block}_")
    return x


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The ends of the stages, from stride 4 on; there is no narrower map for `skips` to choose."""
    ends = stage_ends(network)
    return {f"P{stage + 1}": ends[f"stage{stage}"] for stage in (1, 2, 3, 4)}


def signature(name: str) -> tuple[dict[str, int], set[str]]:
    """({layer with weights: its channels} of the last block per stage, layers that only longer networks have)."""
    width, repeats = VARIANTS[name]
    ends = {f"stage{n + 1}_block{count - 1}_shrink": width * 2**n for n, count in enumerate(repeats)}
    return ends, {f"stage{n + 1}_block{count}_shrink" for n, count in enumerate(repeats)}


def module_of(name: str, layer: str, keys: frozenset[str]) -> str:
    """The module that a layer is in a state dict of timm."""
    if layer.startswith("stem_"):
        return {"stem_conv": "stem.0", "stem_norm": "stem.1"}[layer]
    found = re.fullmatch(r"stage(\d)_(?:block(\d+)|down)_(\w+)", layer)
    assert found is not None, layer
    stage, block, part = found.groups()
    place = f"stages.{int(stage) - 1}"
    if block is None:
        return f"{place}.downsample.{int(part == 'conv')}"
    return f"{place}.blocks.{block}.{_MODULES[part]}"


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: all of it, without the axes of a map."""
    return array.reshape(-1) if module.endswith(".grn") else array


def tops(keys: frozenset[str]) -> tuple[str, ...]:
    """The modules that a backbone with narrow maps lacks: none."""
    return ()


def _block(x: Tensor, name: str) -> Tensor:
    shortcut, width = x, x.shape[-1]
    x = keras.layers.DepthwiseConv2D(7, padding="same", depthwise_initializer=_initializer(), name=f"{name}depthwise")(
        x
    )
    x = _normalization(f"{name}norm")(x)
    x = _patches(x, _EXPANSION * width, 1, f"{name}expand")
    x = keras.layers.Activation("gelu", name=f"{name}gelu")(x)
    x = GlobalResponseNormalization(name=f"{name}response")(x)
    return keras.layers.Add(name=f"{name}add")([shortcut, _patches(x, width, 1, f"{name}shrink")])


def _patches(x: Tensor, filters: int, size: int, name: str) -> Tensor:
    """A convolution of `size` x `size` pixels that do not overlap."""
    return keras.layers.Conv2D(filters, size, strides=size, kernel_initializer=_initializer(), name=name)(x)


def _initializer() -> keras.initializers.Initializer:
    return keras.initializers.TruncatedNormal(stddev=0.02)


def _normalization(name: str) -> ChannelNormalization:
    return ChannelNormalization(1e-6, name=name)
