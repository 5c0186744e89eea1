"""The names of PIDNet in state dicts of the authors."""

import re
from collections.abc import Container
from typing import Any

import numpy as np

from keras_seg.models.parts import ddrnet_names
from keras_seg.models.parts.aux_names import branch_modules
from keras_seg.models.parts.smp_heads import check as check

MODEL = "PIDNet"
# A layer that no other model has.
MARK = "border"
BACKBONES = ()
PREFIXES = ("",)
AUX = {
    **branch_modules("aux", "seghead_p", "aux_logits"),
    **branch_modules("aux_border", "seghead_d", "aux_border_logits"),
}
UNUSED = ()

_PATTERNS = (
    (r"edge(\d)_(?:(\d)_)?downsample_(conv|bn)", lambda m: f"{_edge(m)}.downsample.{int(m[3] == 'bn')}"),
    (r"edge(\d)_(?:(\d)_)?(\w+)", lambda m: f"{_edge(m)}.{m[3]}"),
    (r"change(\d)_(conv|bn)", lambda m: f"diff{m[1]}.{int(m[2] == 'bn')}"),
    (r"stage(\d)_compression_(conv|bn)", lambda m: f"compression{m[1]}.{int(m[2] == 'bn')}"),
    (r"stage(\d)_(fine|deep)_(conv|bn)", lambda m: f"pag{m[1]}.f_{'x' if m[2] == 'fine' else 'y'}.{int(m[3] == 'bn')}"),
    (r"chosen_(fine|deep)_(conv|bn)", lambda m: f"dfm.conv_{'p' if m[1] == 'fine' else 'i'}.{int(m[2] == 'bn')}"),
    (r"chosen_(conv|bn)", lambda m: f"dfm.conv.{2 if m[1] == 'conv' else 0}"),
)
_PARALLEL = re.compile(r"process(\d)_(conv|bn)")


def module_of(layer: str, keys: Container[str]) -> str:
    """The module that a layer of `PIDNet` is, or whose part it is, in a state dict with these `keys`."""
    for pattern, module in _PATTERNS:
        found = re.fullmatch(pattern, layer)
        if found:
            return module(found)
    parallel = _PARALLEL.fullmatch(layer)
    if parallel and "spp.scale_process.2.weight" in keys:
        return f"spp.scale_process.{2 if parallel[2] == 'conv' else 0}"
    return ddrnet_names.module_of(layer, keys)


def part_of(layer: str, module: str, array: np.ndarray) -> np.ndarray:
    """The part of a module's parameter that is the layer's: four convolutions are one in groups there."""
    parallel = _PARALLEL.fullmatch(layer)
    return np.split(array, 4)[int(parallel[1]) - 1] if parallel and module.startswith("spp.scale_process") else array


def _edge(found: Any) -> str:
    return f"layer{found[1]}_d" + (f".{found[2]}" if found[2] else "")
