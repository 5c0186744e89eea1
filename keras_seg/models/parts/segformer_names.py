"""The names of SegFormer's decoder in state dicts of PyTorch."""

from collections.abc import Container
from typing import Any

from keras_seg.backbones import mix_transformer

MODEL = "SegFormer"
# A layer that no other model has.
MARK = "fuse"
BACKBONES = tuple(mix_transformer.VARIANTS)
PREFIXES = ("decode_head.", "decoder.", "segmentation_head.")
# Every decoder of the authors' framework has this layer; SegFormer's never calls it.
UNUSED = ("decode_head.conv_seg",)


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `SegFormer` is in a state dict with these `keys`."""
    return _modules(keys).get(layer, layer)


def _modules(keys: Container[str]) -> dict[str, str]:
    """{layer of `SegFormer`: its module} in a state dict with these `keys`."""
    if "segmentation_head.0.weight" in keys:  # segmentation_models_pytorch, the coarsest map first
        linear = [f"decoder.mlp_stage.{3 - index}.linear" for index in range(4)]
        others = "decoder.fuse_stage.0", "decoder.fuse_stage.1", "segmentation_head.0"
    elif "decode_head.linear_pred.weight" in keys:  # the authors
        linear = [f"decode_head.linear_c{index + 1}.proj" for index in range(4)]
        others = "decode_head.linear_fuse.conv", "decode_head.linear_fuse.bn", "decode_head.linear_pred"
    else:  # transformers, its version 5 in memory and all files
        five = "decode_head.linear_projections.0.proj.weight" in keys
        linear = [f"decode_head.linear_{'projections.' if five else 'c.'}{index}.proj" for index in range(4)]
        others = "decode_head.linear_fuse", "decode_head.batch_norm", "decode_head.classifier"
    # Those of `LinearFusion`, the coarsest map's first.
    named = zip(("projection3", "projection2", "projection1", "projection0"), linear, strict=True)
    return {**dict(named), **dict(zip(("fusion", "fuse_norm", "logits"), others, strict=True))}


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Nothing but the shapes tells SegFormers apart."""
