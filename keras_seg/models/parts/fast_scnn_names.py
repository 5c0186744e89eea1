"""The names of Fast-SCNN in state dicts of Fast-SCNN-pytorch."""

import re
from collections.abc import Container
from typing import Any

from keras_seg.models.parts.aux_names import fcn_modules
from keras_seg.models.parts.published_dilation import check_normalized_average

MODEL = "FastSCNN"
# A layer that no other model has.
MARK = "down3_depthwise_conv"
BACKBONES = ()
PREFIXES = ("",)
AUX = fcn_modules("aux", "auxlayer", "aux_logits")
UNUSED = ()

_DOWN, _CONTEXT, _FUSION = "learning_to_downsample", "global_feature_extractor", "feature_fusion"
# {block: (its convolution, its normalization)}
_BLOCKS = {
    "down1": (f"{_DOWN}.conv.conv.0", f"{_DOWN}.conv.conv.1"),
    "bottleneck": (f"{_CONTEXT}.ppm.out.conv.0", f"{_CONTEXT}.ppm.out.conv.1"),
    "low_depthwise": (f"{_FUSION}.dwconv.conv.0", f"{_FUSION}.dwconv.conv.1"),
    "low": (f"{_FUSION}.conv_lower_res.0", f"{_FUSION}.conv_lower_res.1"),
    "high": (f"{_FUSION}.conv_higher_res.0", f"{_FUSION}.conv_higher_res.1"),
}
for _number, _size in enumerate((1, 2, 3, 6), start=1):
    _BLOCKS[f"pyramid{_size}"] = (f"{_CONTEXT}.ppm.conv{_number}.conv.0", f"{_CONTEXT}.ppm.conv{_number}.conv.1")
for _ours, _module in (
    ("down2", f"{_DOWN}.dsconv1"),
    ("down3", f"{_DOWN}.dsconv2"),
    ("head1", "classifier.dsconv1"),
    ("head2", "classifier.dsconv2"),
):
    _BLOCKS[f"{_ours}_depthwise"] = (f"{_module}.conv.0", f"{_module}.conv.1")
    _BLOCKS[_ours] = (f"{_module}.conv.3", f"{_module}.conv.4")
_MODULES = {f"{block}_conv": modules[0] for block, modules in _BLOCKS.items()}
_MODULES |= {f"{block}_norm": modules[1] for block, modules in _BLOCKS.items()}
_MODULES["logits"] = "classifier.conv.1"
_PARTS = {
    "expand_conv": "0.conv.0",
    "expand_norm": "0.conv.1",
    "depthwise_conv": "1.conv.0",
    "depthwise_norm": "1.conv.1",
    "project_conv": "2",
    "project_norm": "3",
}


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `FastSCNN` is."""
    block = re.fullmatch(r"block(\d)_(\d)_(\w+)", layer)
    if block:
        return f"{_CONTEXT}.bottleneck{block[1]}.{block[2]}.block.{_PARTS[block[3]]}" if block[3] in _PARTS else layer
    return _MODULES.get(layer, layer)


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Fail where the model differs from the original in what would be read as weights that do not fit."""
    check_normalized_average(model, "pyramid1_norm")
