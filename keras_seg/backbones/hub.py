"""Presets of keras-hub: a backbone with weights, and the normalization it was trained with."""

import difflib
from typing import Any

import keras

from keras_seg import _validation

PREFIX = "hub:"


def hub_backbone(name: str) -> tuple[keras.Model, keras.layers.Layer | None]:
    """(backbone, normalization of raw images or None where it has none) of `hub:PRESET`."""
    try:
        import keras_hub
    except ImportError:
        _validation.fail("backbone", "needs keras-hub, which is not installed", name, "Run pip install keras-hub.")
    preset = name.removeprefix(PREFIX)
    try:
        backbone = keras_hub.models.Backbone.from_preset(preset)
    except Exception as error:
        reason = " ".join(str(error).split())[:300].rstrip(".")
        rule = f"names a preset that keras-hub cannot load ({reason})"
        _validation.fail("backbone", rule, name, f"{_nearest(keras_hub, preset)}Or pass the folder of a saved preset.")
    return backbone, _normalization(keras_hub, preset)


def _normalization(hub: Any, preset: str) -> keras.layers.Layer | None:
    """`(image * scale) + offset` as the preset has it, or None where it has neither."""
    try:
        converter = hub.layers.ImageConverter.from_preset(preset)
    except Exception:  # A preset without an image converter.
        return None
    if converter.scale is None and converter.offset is None:
        return None
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocessing")


def _nearest(hub: Any, preset: str) -> str:
    """Which preset may have been meant."""
    presets = {name for kind in vars(hub.models).values() for name in getattr(kind, "presets", None) or ()}
    close = difflib.get_close_matches(preset, presets, n=1)
    return f"Did you mean {PREFIX + close[0]!r}? " if close else ""
