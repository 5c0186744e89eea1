"""Which model a run has, where none is given."""

from collections.abc import Mapping
from typing import Any

from keras_seg.training.pretrained import SMALL

# The model that decides at a quarter, by few linear layers. Whoever shapes a decoder means the U-Net's.
_LINEAR, _QUARTER = "SegFormer", 4
_DECODER = {"decoder_stride", "decoder_convolutions", "decoder_filters"}
# Minutes below which it leads; after fifteen, both are as good.
_SHORT = 10
_RULE = (
    f"the U-Net, a strong baseline; in under {_SHORT} minutes on a CPU, with pretrained {SMALL} and where decoders end "
    f"at a quarter, {_LINEAR}, whose linear layers learn in fewer steps"
)


def model_rule(
    given: Mapping, *, backbone: str, weights: str | None, light: bool, ending: tuple[Any, ...]
) -> tuple[Any, ...]:
    """(rule, model, names of the facts that the rule used).

    Args:
        given: dict. The choices that were given.
        backbone, weights: those of the plan.
        light: bool. Whether the decoder is one for a CPU.
        ending: tuple of a rule, the stride at which the decoder ends, and names of the facts that the rule used.
    """
    brief = light and backbone == SMALL and weights is not None and given.get("minutes", _SHORT) < _SHORT
    linear = brief and ending[1] == _QUARTER and not _DECODER & given.keys()
    return _RULE, _LINEAR if linear else "UNet", *ending[2:]
