"""The names of DDRNet in state dicts of the authors."""

import re
from collections.abc import Container
from typing import Any

from keras_seg.models.parts.aux_names import branch_modules

MODEL = "DDRNet"
# A layer that no other model has.
MARK = "compression4_conv1"
BACKBONES = ()
PREFIXES = ("",)
AUX = branch_modules("aux", "seghead_extra", "aux_logits")
UNUSED = ()

_ENDS = {
    "stem_conv1": "conv1.0",
    "stem_bn1": "conv1.1",
    "stem_conv2": "conv1.3",
    "stem_bn2": "conv1.4",
    **branch_modules("head", "final_layer", "logits"),
}
_PATTERNS = (
    (r"layer(\d)_(\d)_downsample_(conv|bn)", lambda m: f"layer{m[1]}.{m[2]}.downsample.{int(m[3] == 'bn')}"),
    (r"fine(\d)_(\d)_downsample_(conv|bn)", lambda m: f"layer{m[1]}_.{m[2]}.downsample.{int(m[3] == 'bn')}"),
    (r"layer(\d)_(\d)_(\w+)", lambda m: f"layer{m[1]}.{m[2]}.{m[3]}"),
    (r"fine(\d)_(\d)_(\w+)", lambda m: f"layer{m[1]}_.{m[2]}.{m[3]}"),
    # Of two convolutions, an activation stands between the first's normalization and the second.
    (r"(down\d|compression\d)_(conv|bn)(\d)", lambda m: f"{m[1]}.{3 * (int(m[3]) - 1) + int(m[2] == 'bn')}"),
    # The pooled scales have the pooling in front.
    (r"(scale[1-4])_(conv|bn)", lambda m: f"spp.{m[1]}.{3 if m[2] == 'conv' else 1}"),
    (r"(scale0|process\d|compression|shortcut)_(conv|bn)", lambda m: f"spp.{m[1]}.{2 if m[2] == 'conv' else 0}"),
)


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `DDRNet` is."""
    if layer in _ENDS:
        return _ENDS[layer]
    for pattern, module in _PATTERNS:
        found = re.fullmatch(pattern, layer)
        if found:
            return module(found)
    return layer


def check(model: Any, name: str, keys: Container[str]) -> None:
    """Nothing but the shapes tells these nets apart."""
