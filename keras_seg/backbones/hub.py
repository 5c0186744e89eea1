"""Presets of keras-hub: a backbone with weights, and the normalization it was trained with."""

import difflib
import re
import sys
from collections.abc import Callable
from typing import Any

import keras

from keras_seg import _validation

PREFIX = "hub:"
# Presets are named so, or by an address; no network of `keras_seg.backbones.names()` is.
_PRESET = r"[a-z0-9]+(_[a-z0-9]+)+|[a-z]+://.+"


def hub_backbone(name: str) -> tuple[keras.Model, keras.layers.Layer | None]:
    """(backbone, normalization of raw images or None where it has none) of `hub:PRESET`."""
    backbone = load_preset("backbone", name, lambda hub, preset: hub.models.Backbone.from_preset(preset))
    hub, preset = installed("backbone", name), name.removeprefix(PREFIX)
    try:
        converter = hub.layers.ImageConverter.from_preset(preset)
    except Exception:  # A preset without an image converter.
        return backbone, None
    return backbone, normalization_of(converter)


def installed(argument: str, value: str) -> Any:
    """keras-hub; an error of one line where it is not installed."""
    try:
        import keras_hub
    except ImportError:
        _validation.fail(argument, "needs keras-hub, which is not installed", value, "Run pip install keras-hub.")
    return keras_hub


def load_preset(argument: str, name: str, load: Callable[[Any, str], keras.Model]) -> keras.Model:
    """`load(keras_hub, PRESET)` of `hub:PRESET` or of a preset's folder; an error of one line where it fails."""
    hub, preset = installed(argument, name), name.removeprefix(PREFIX)
    try:
        return load(hub, preset)
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".")
        rule = f"names a preset that keras-hub cannot load ({reason})"
        _validation.fail(argument, rule, name, f"{_nearest(hub, preset)}Or pass the folder of a saved preset.")


def with_prefix(name: str) -> str:
    """The sentence that says how `name`, given without the prefix, is written; empty where it names no preset."""
    return f"For a preset of keras-hub, pass {PREFIX + name!r}. " if re.fullmatch(_PRESET, name) else ""


def normalization_of(converter: Any) -> keras.layers.Layer | None:
    """`(image * scale) + offset` as an image converter of keras-hub has it, or None where it has neither."""
    if converter.scale is None and converter.offset is None:
        return None
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")


def is_of_hub(backbone: Any) -> bool:
    """Whether `backbone` is one of keras-hub, an object that does not know the normalization of its preset."""
    hub = sys.modules.get("keras_hub")
    return hub is not None and isinstance(backbone, hub.models.Backbone)


def _nearest(hub: Any, preset: str) -> str:
    """Which preset may have been meant."""
    presets = {name for kind in vars(hub.models).values() for name in getattr(kind, "presets", None) or ()}
    close = difflib.get_close_matches(preset, presets, n=1)
    return f"Did you mean {PREFIX + close[0]!r}? " if close else ""
