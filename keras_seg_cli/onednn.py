"""oneDNN for the training of planned models, where TensorFlow leaves it out."""

import json
import os
import pathlib
import sys
from collections.abc import Mapping
from typing import Any

_SETTING = "TF_ENABLE_ONEDNN_OPTS"
# What plans choose on a CPU.
_MODELS, _BACKBONES, _MOST_FILTERS = ("UNet", "SegFormer"), ("Compact", "EfficientNetLite0"), 256


def use_onednn(options: Mapping[str, Any], plan_file: str | pathlib.Path | None) -> None:
    """Turn oneDNN on in this process if it trains what a plan chooses on a CPU; call it before Keras is imported.

    On processors without AVX-512, where TensorFlow leaves it out, a training step takes a sixth to a quarter less. But
    it has no fast convolution for a single image there, and that of a large one may fall to reference code, which takes
    many minutes (`benchmarks/single_image.py`). In the nets of plans none does, for images of up to twelve megapixels.
    Others are left to TensorFlow, and so is a process in which the user has decided.

    Args:
        options: dict of the command's options; `model` and `backbone` are None if they are not given.
        plan_file: path of the plan that is followed, or of the run that is resumed; None for a plan by the rules.
    """
    if "tensorflow" not in sys.modules and _is_planned(options, plan_file):
        os.environ.setdefault(_SETTING, "1")


def _is_planned(options: Mapping[str, Any], plan_file: str | pathlib.Path | None) -> bool:
    chosen = {} if plan_file is None else _choices(pathlib.Path(plan_file))
    if chosen is None:
        return False
    model, backbone = (options.get(name) or chosen.get(name) for name in ("model", "backbone"))
    wide = chosen.get("skips") == "wide" and backbone != "Compact"
    filters = chosen.get("decoder_filters") or ()
    return (
        model in (None, *_MODELS)
        and backbone in (None, *_BACKBONES)
        and not wide
        and all(count <= _MOST_FILTERS for count in filters)
    )


def _choices(plan_file: pathlib.Path) -> dict[str, Any] | None:
    """The values of a plan; None for a file that is none, of which the command has the error."""
    try:
        choices = json.loads(plan_file.read_text(encoding="utf-8"))["choices"]
        return {name: choice["value"] for name, choice in choices.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
