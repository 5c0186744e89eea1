"""The names of MA-Net's decoder in state dicts of segmentation_models_pytorch."""

from collections.abc import Container
from typing import Any

from keras_seg.backbones import resnet
from keras_seg.models.parts.smp_heads import PREFIXES as PREFIXES
from keras_seg.models.parts.smp_heads import UNUSED as UNUSED
from keras_seg.models.parts.smp_heads import check_nearest, stage_modules

MODEL = "MAnet"
# A layer that no other model has.
MARK = "attention_query"
BACKBONES = tuple(resnet.VARIANTS)

_STAGES = 5


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `MAnet` is."""
    return _MODULES.get(layer, layer)


_ATTENTION = {"query": "center_conv", "key": "top_conv", "value": "bottom_conv", "out": "out_conv"}
_WEIGHING = {
    "deep_conv": "hl_conv.0.0",
    "deep_norm": "hl_conv.0.1",
    "narrow_conv": "hl_conv.1.0",
    "narrow_norm": "hl_conv.1.1",
    "deep_squeeze": "SE_hl.1",
    "deep_excite": "SE_hl.3",
    "skip_squeeze": "SE_ll.1",
    "skip_excite": "SE_ll.3",
}
_MODULES = {f"attention_{part}": f"decoder.center.{module}" for part, module in _ATTENTION.items()}
_MODULES["logits"] = "segmentation_head.0"
for _stage in range(_STAGES):
    _ours, _block = f"decoder{_stage + 1}", f"decoder.blocks.{_stage}"
    _MODULES |= {f"{_ours}_{layer}": f"{_block}.{module}" for layer, module in _WEIGHING.items()}
    _MODULES |= stage_modules(_ours, _block)


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail for a model that enlarges maps otherwise."""
    check_nearest(model, "decoder1_up", "MAnet")
