"""Mix Transformers, the encoders of SegFormer: attention to a reduced map, position from depthwise convolutions."""

import re

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.layers.attention2d import Attention2D
from keras_seg.layers.channel_normalization import ChannelNormalization
from keras_seg.layers.pad_to_minimum import PadToMinimum

_NARROW, _WIDE = (32, 64, 160, 256), (64, 128, 320, 512)
# name: (channels per stage, blocks per stage)
VARIANTS = {
    "MiTB0": (_NARROW, (2, 2, 2, 2)),
    "MiTB1": (_WIDE, (2, 2, 2, 2)),
    "MiTB2": (_WIDE, (3, 4, 6, 3)),
    "MiTB3": (_WIDE, (3, 4, 18, 3)),
    "MiTB4": (_WIDE, (3, 8, 27, 3)),
    "MiTB5": (_WIDE, (3, 6, 40, 3)),
}
# The modules of the originals that are no part of a backbone.
CLASSIFIERS = ("head",)
LICENSE = (
    "The weights that NVIDIA published for MiT and SegFormer are licensed for non-commercial use only "
    "(https://github.com/NVlabs/SegFormer/blob/master/LICENSE). Weights of your own are not concerned."
)

# Per stage; no weight shows the heads and the strides.
HEADS, REDUCTIONS, STRIDES = (1, 2, 5, 8), (8, 4, 2, 1), (4, 2, 2, 2)
_EXPANSION = 4
_DROP_PATH = 0.1
# The authors' code has two: PyTorch's default behind each embedding and reduction, and their own everywhere else.
_EMBEDDING_EPSILON, _BLOCK_EPSILON = 1e-5, 1e-6


def layers(name: str, x: Tensor) -> Tensor:
    """The layers of network `name` on a normalized image, to the last map at stride 32."""
    widths, repeats = VARIANTS[name]
    rates = iter(np.linspace(0, _DROP_PATH, sum(repeats)).tolist())
    for stage, (width, count) in enumerate(zip(widths, repeats, strict=True), start=1):
        kernel, strides = (7, 4) if stage == 1 else (3, 2)
        x = keras.layers.ZeroPadding2D(kernel // 2, name=f"stage{stage}_embed_pad")(x)
        x = keras.layers.Conv2D(
            width, kernel, strides=strides, kernel_initializer=_spatial(), name=f"stage{stage}_embed_conv"
        )(x)
        x = _normalization(_EMBEDDING_EPSILON, f"stage{stage}_embed_norm")(x)
        for block in range(count):
            x = _block(x, stage, f"stage{stage}_block{block}_", drop_path=next(rates))
        x = _normalization(_BLOCK_EPSILON, f"stage{stage}_norm")(x)
    return x


def pyramid(name: str, network: keras.Model, skips: str) -> dict[str, Tensor]:
    """The normalized end of each stage, from stride 4 on; there is no narrower map for `skips` to choose."""
    return {f"P{stage + 1}": network.get_layer(f"stage{stage}_norm").output for stage in (1, 2, 3, 4)}


def signature(name: str) -> tuple[dict[str, int], set[str]]:
    """({layer with weights: its channels} of the last block per stage, layers that only longer networks have)."""
    widths, repeats = VARIANTS[name]
    stages = list(enumerate(zip(widths, repeats, strict=True), start=1))
    ends = {f"stage{stage}_block{count - 1}_contract": width for stage, (width, count) in stages}
    return ends, {f"stage{stage}_block{count}_contract" for stage, (_, count) in stages}


def module_of(name: str, layer: str, keys: frozenset[str]) -> str:
    """The module that a layer is in a state dict of transformers, of the authors, or of segmentation_models_pytorch."""
    found = re.fullmatch(r"stage(\d)_(?:block(\d+)_)?(\w+)", layer)
    assert found is not None, layer
    stage, block, part = found.groups()
    modules = next((modules for first, modules in _LAYOUTS.items() if first in keys), _NVIDIA)
    return modules[part if block is None else f"block {part}"].format(stage=stage, index=int(stage) - 1, block=block)


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: the authors keep keys and values in one."""
    if not module.endswith("attn.kv"):
        return array
    half = len(array) // 2
    return array[:half] if layer.endswith("key") else array[half:]


def tops(keys: frozenset[str]) -> tuple[str, ...]:
    """The modules that a backbone with narrow maps lacks: none."""
    return ()


_NVIDIA = {
    "embed_conv": "patch_embed{stage}.proj",
    "embed_norm": "patch_embed{stage}.norm",
    "norm": "norm{stage}",
    "block norm1": "block{stage}.{block}.norm1",
    "block query": "block{stage}.{block}.attn.q",
    "block reduce": "block{stage}.{block}.attn.sr",
    "block reduce_norm": "block{stage}.{block}.attn.norm",
    "block key": "block{stage}.{block}.attn.kv",
    "block value": "block{stage}.{block}.attn.kv",
    "block project": "block{stage}.{block}.attn.proj",
    "block norm2": "block{stage}.{block}.norm2",
    "block expand": "block{stage}.{block}.mlp.fc1",
    "block depthwise": "block{stage}.{block}.mlp.dwconv.dwconv",
    "block contract": "block{stage}.{block}.mlp.fc2",
}
# The files of transformers, whatever its version.
_FILES = {
    "embed_conv": "patch_embeddings.{index}.proj",
    "embed_norm": "patch_embeddings.{index}.layer_norm",
    "norm": "layer_norm.{index}",
    "block norm1": "block.{index}.{block}.layer_norm_1",
    "block query": "block.{index}.{block}.attention.self.query",
    "block reduce": "block.{index}.{block}.attention.self.sr",
    "block reduce_norm": "block.{index}.{block}.attention.self.layer_norm",
    "block key": "block.{index}.{block}.attention.self.key",
    "block value": "block.{index}.{block}.attention.self.value",
    "block project": "block.{index}.{block}.attention.output.dense",
    "block norm2": "block.{index}.{block}.layer_norm_2",
    "block expand": "block.{index}.{block}.mlp.dense1",
    "block depthwise": "block.{index}.{block}.mlp.dwconv.dwconv",
    "block contract": "block.{index}.{block}.mlp.dense2",
}
# The modules of transformers 5, in memory.
_MODULES = {
    "embed_conv": "stages.{index}.patch_embeddings.proj",
    "embed_norm": "stages.{index}.patch_embeddings.layer_norm",
    "norm": "stages.{index}.layer_norm",
    "block norm1": "stages.{index}.blocks.{block}.layernorm_before",
    "block query": "stages.{index}.blocks.{block}.attention.q_proj",
    "block reduce": "stages.{index}.blocks.{block}.attention.sequence_reduction.sequence_reduction",
    "block reduce_norm": "stages.{index}.blocks.{block}.attention.sequence_reduction.layer_norm",
    "block key": "stages.{index}.blocks.{block}.attention.k_proj",
    "block value": "stages.{index}.blocks.{block}.attention.v_proj",
    "block project": "stages.{index}.blocks.{block}.attention.o_proj",
    "block norm2": "stages.{index}.blocks.{block}.layernorm_after",
    "block expand": "stages.{index}.blocks.{block}.mlp.fc1",
    "block depthwise": "stages.{index}.blocks.{block}.mlp.dwconv.dwconv",
    "block contract": "stages.{index}.blocks.{block}.mlp.fc2",
}
# A key that only this layout has: its modules.
_LAYOUTS = {
    "patch_embed1.proj.weight": _NVIDIA,
    "patch_embeddings.0.proj.weight": _FILES,
    "stages.0.patch_embeddings.proj.weight": _MODULES,
}


def _block(x: Tensor, stage: int, name: str, *, drop_path: float) -> Tensor:
    shortcut, width = x, x.shape[-1]
    x = _normalization(_BLOCK_EPSILON, f"{name}norm1")(x)
    x = _attention(x, stage, name)
    shortcut = keras.layers.Add(name=f"{name}add1")([shortcut, _dropped(x, drop_path, f"{name}drop_path1")])
    x = _normalization(_BLOCK_EPSILON, f"{name}norm2")(shortcut)
    x = _pointwise(_EXPANSION * width, f"{name}expand")(x)
    # The only layer that knows where a position is: zeros beyond the border mark it.
    x = keras.layers.DepthwiseConv2D(3, padding="same", depthwise_initializer=_spatial(), name=f"{name}depthwise")(x)
    x = keras.layers.Activation("gelu", name=f"{name}gelu")(x)
    x = _pointwise(width, f"{name}contract")(x)
    return keras.layers.Add(name=f"{name}add2")([shortcut, _dropped(x, drop_path, f"{name}drop_path2")])


def _attention(x: Tensor, stage: int, name: str) -> Tensor:
    """Every position attends to a map that is `REDUCTIONS` times smaller per side; remainders are not read."""
    width, reduction = x.shape[-1], REDUCTIONS[stage - 1]
    query = _pointwise(width, f"{name}query")(x)
    if reduction > 1:
        # Where the image has under 29 pixels per side, at which the original fails.
        x = PadToMinimum(reduction, name=f"{name}reduce_pad")(x)
        x = keras.layers.Conv2D(
            width, reduction, strides=reduction, kernel_initializer=_spatial(), name=f"{name}reduce"
        )(x)
        x = _normalization(_EMBEDDING_EPSILON, f"{name}reduce_norm")(x)
    key, value = (_pointwise(width, f"{name}{part}")(x) for part in ("key", "value"))
    x = Attention2D(HEADS[stage - 1], name=f"{name}attention")([query, key, value])
    return _pointwise(width, f"{name}project")(x)


def _dropped(x: Tensor, rate: float, name: str) -> Tensor:
    """`x`, or zeros for a whole image: stochastic depth."""
    return keras.layers.Dropout(rate, noise_shape=(None, 1, 1, 1), name=name)(x) if rate else x


def _pointwise(filters: int, name: str) -> keras.layers.Conv2D:
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    return keras.layers.Conv2D(filters, 1, kernel_initializer=initializer, name=name)


def _spatial() -> keras.initializers.Initializer:
    return keras.initializers.VarianceScaling(2.0, mode="fan_out", distribution="untruncated_normal")


def _normalization(epsilon: float, name: str) -> ChannelNormalization:
    return ChannelNormalization(epsilon, name=name)
