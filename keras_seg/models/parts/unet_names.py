"""The names of U-Net's decoder in state dicts of segmentation_models_pytorch."""

from collections.abc import Container
from typing import Any

from keras_seg import _validation
from keras_seg.backbones import resnet
from keras_seg.models.parts.smp_heads import PREFIXES as PREFIXES
from keras_seg.models.parts.smp_heads import UNUSED as HEADS_UNUSED
from keras_seg.models.parts.smp_heads import check_nearest, stage_modules, unused_attention

MODEL = "UNet"
# The last stage, which has no skip.
MARK = "decoder5_up"
BACKBONES = tuple(resnet.VARIANTS)

_STAGES, _HEAD = 5, 3
UNUSED = (*HEADS_UNUSED, *unused_attention(f"decoder.blocks.{_STAGES - 1}"))
_MODULES = {"logits": "segmentation_head.0"}
for _stage in range(_STAGES):
    _MODULES |= stage_modules(f"decoder{_stage + 1}", f"decoder.blocks.{_stage}")


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `UNet` is."""
    return _MODULES.get(layer, layer)


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail for a model that decides the classes by another kernel, or enlarges maps otherwise."""
    kernel = model.get_layer("logits").kernel_size[0]
    if kernel != _HEAD:
        rule = f"must decide the classes by {_HEAD}x{_HEAD} pixels, as segmentation_models_pytorch's Unet"
        _validation.fail("model", rule, f"{model.name} of {kernel}x{kernel}", f"Pass head_kernel_size={_HEAD}.")
    check_nearest(model, MARK, "Unet")
