"""The names of U-Net++'s decoder in state dicts of segmentation_models_pytorch."""

from collections.abc import Container
from typing import Any

from keras_seg.backbones import resnet
from keras_seg.models.parts.smp_heads import PREFIXES as PREFIXES
from keras_seg.models.parts.smp_heads import UNUSED as HEADS_UNUSED
from keras_seg.models.parts.smp_heads import check_nearest, stage_modules, unused_attention

MODEL = "UNetPlusPlus"
# A layer that no other model has.
MARK = "node0_1_up"
BACKBONES = tuple(resnet.VARIANTS)

_STAGES = 5
UNUSED = (*HEADS_UNUSED, *unused_attention(f"decoder.blocks.x_0_{_STAGES - 1}"))


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `UNetPlusPlus` is in a state dict with these `keys`."""
    return _modules(keys).get(layer, layer)


def _modules(keys: Container[str]) -> dict[str, str]:
    """{layer of `UNetPlusPlus`: its module}."""
    named = {"logits": "segmentation_head.0"}
    for stage in range(_STAGES):
        for start in range(stage + 1):
            node, block = f"node{start}_{stage}", f"decoder.blocks.x_{start}_{stage}"
            named |= stage_modules(node, block)
    return named


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail for a model that enlarges maps otherwise."""
    check_nearest(model, MARK, "UnetPlusPlus")
