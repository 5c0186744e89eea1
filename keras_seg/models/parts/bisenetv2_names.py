"""The names of BiSeNetV2 in state dicts of CoinCheung/BiSeNet."""

import re
import warnings
from collections.abc import Container
from typing import Any

from keras_seg.models.parts.published_dilation import check_normalized_average

MODEL = "BiSeNetV2"
# A layer that no other model has.
MARK = "deep_gate_up"
BACKBONES = ()
PREFIXES = ("",)
UNUSED = ()
AUX: dict[str, str] = {}
for _name, _module in (("aux2", "aux2"), ("aux3", "aux3"), ("aux4", "aux4"), ("aux5", "aux5_4")):
    for _block, _part in ((_name, "conv"), (f"{_name}_fine", "conv_out.0.1")):
        AUX |= {f"{_block}_conv": f"{_module}.{_part}.conv", f"{_block}_norm": f"{_module}.{_part}.bn"}
    AUX[f"{_name}_logits"] = f"{_module}.conv_out.1"

_SEMANTICS = {"3": "segment.S3", "4": "segment.S4", "5": "segment.S5_4"}
# Blocks of which a module has the parts "conv" and "bn", and those of which it is a sequence from a number on.
_NAMED = {
    "stem": "segment.S1S2.conv",
    "stem_narrow": "segment.S1S2.left.0",
    "stem_left": "segment.S1S2.left.1",
    "stem_fused": "segment.S1S2.fuse",
    "average": "segment.S5_5.conv_gap",
    "semantic": "segment.S5_5.conv_last",
    "head": "head.conv",
}
_SEQUENCES = {
    "fine_kept": "bga.left1",
    "fine_down": "bga.left2",
    "deep_up": "bga.right1",
    "deep_kept": "bga.right2",
    "aggregation": "bga.conv",
}
_ENDS = {
    "average_bn": "segment.S5_5.bn",
    "fine_out": "bga.left1.2",
    "deep_out": "bga.right2.2",
    "logits": "head.conv_out.1",
    **{f"{block}_conv": f"{module}.conv" for block, module in _NAMED.items()},
    **{f"{block}_norm": f"{module}.bn" for block, module in _NAMED.items()},
    **{f"{block}_conv": f"{module}.0" for block, module in _SEQUENCES.items()},
    **{f"{block}_norm": f"{module}.1" for block, module in _SEQUENCES.items()},
}
# Of a block: (module, number of the convolution in it).
_PARTS = {
    "strided": ("dwconv1", 0),
    "project": ("conv2", 0),
    "shortcut_strided": ("shortcut", 0),
    "shortcut": ("shortcut", 2),
}


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `BiSeNetV2` is."""
    detail = re.fullmatch(r"detail(\d)_(\d)_(conv|norm)", layer)
    if detail:
        return f"detail.S{detail[1]}.{detail[2]}.{'conv' if detail[3] == 'conv' else 'bn'}"
    block = re.fullmatch(r"semantic(\d)_(\d)_(\w+)_(conv|norm)", layer)
    if block is None:
        return _ENDS.get(layer, layer)
    module, part, normalizes = f"{_SEMANTICS[block[1]]}.{block[2]}", block[3], block[4] == "norm"
    if part == "first":
        return f"{module}.conv1.{'bn' if normalizes else 'conv'}"
    if part == "depthwise":  # The first block of a stage has one more before it.
        inner, number = ("dwconv2" if block[2] == "0" else "dwconv"), 0
    else:
        inner, number = _PARTS[part]
    return f"{module}.{inner}.{number + normalizes}"


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model differs from the original in what would be read as weights that do not fit."""
    check_normalized_average(model, "average_norm")


def note(model: Any) -> None:
    """Warn where a model normalizes images by constants that none of the original's data sets has."""
    if any(layer.name == "preprocessing" for layer in model.layers):
        warnings.warn(
            f"{model.name} normalizes images by ImageNet's means and deviations, CoinCheung/BiSeNet by those of the "
            "data set. Build the model with include_preprocessing=False, and normalize the images in front of it: see "
            "BiSeNetV2.",
            stacklevel=3,
        )
