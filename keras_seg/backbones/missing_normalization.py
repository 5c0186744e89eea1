"""Backbones given as objects that expect normalized images and do not normalize them."""

import warnings
from typing import Any

import keras

from keras_seg.backbones import applications, hub
from keras_seg.layers.preprocessing import MODES, Preprocessing

_NORMALIZING = (keras.layers.Rescaling, keras.layers.Normalization, Preprocessing)


def warn_of_missing_normalization(backbone: Any) -> None:
    """Warn where a network of keras.applications or keras-hub would get raw images and was not trained on them."""
    mode = applications.mode_of(backbone)
    if mode is not None:
        source, given, otherwise = "keras.applications", f'"{mode}"', ""
    elif hub.is_of_hub(backbone):
        source, given = "keras-hub", f'"torch" or another of {", ".join(MODES)}'
        otherwise = '; or backbone="hub:PRESET" to normalize as its preset does'
    else:
        return
    if any(isinstance(layer, _NORMALIZING) for layer in backbone._flatten_layers()):
        return
    warnings.warn(
        f"{backbone.name} of {source} expects normalized images and does not normalize them: pass "
        f"include_preprocessing={given}; False if the images are normalized{otherwise}.",
        stacklevel=3,
    )
