"""Backbones: any network of keras.applications, keras-hub or keras-cv, or any functional model, as a pyramid."""

from keras_seg.backbones.build import build, names
from keras_seg.backbones.compact import Compact
from keras_seg.backbones.pyramid import find_pyramid

__all__ = ["Compact", "build", "find_pyramid", "names"]
