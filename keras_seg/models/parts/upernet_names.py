"""The names of UPerNet's decoder in state dicts of segmentation_models_pytorch."""

from collections.abc import Container
from typing import Any

from keras_seg.backbones import resnet
from keras_seg.models.parts.published_dilation import check_normalized_average
from keras_seg.models.parts.smp_heads import PREFIXES as PREFIXES
from keras_seg.models.parts.smp_heads import UNUSED as UNUSED

MODEL = "UPerNet"
# A layer that no other model has.
MARK = "fusion_conv"
BACKBONES = tuple(resnet.VARIANTS)


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `UPerNet` is."""
    return _MODULES.get(layer, layer)


_BLOCKS = {
    **{f"pyramid{size}": f"psp.blocks.{index}.1" for index, size in enumerate((1, 2, 3, 6))},
    "bottleneck": "psp.out_conv",
    **{f"lateral{stride}": f"fpn_lateral_blocks.{index}.conv_norm_relu" for index, stride in enumerate((16, 8, 4))},
    **{f"level{stride}": f"fpn_conv_blocks.{index}" for index, stride in enumerate((16, 8, 4))},
    "fusion": "fusion_block",
}
_MODULES = {
    **{f"{block}_conv": f"decoder.{module}.0" for block, module in _BLOCKS.items()},
    **{f"{block}_norm": f"decoder.{module}.1" for block, module in _BLOCKS.items()},
    **{f"map{stride}_norm": f"decoder.feature_norms.{index}" for index, stride in enumerate((4, 8, 16, 32))},
    "logits": "segmentation_head.0",
}


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model differs from the original in what would be read as weights that do not fit."""
    check_normalized_average(model, "pyramid1_norm")
