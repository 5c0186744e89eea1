"""Semantic segmentation for Keras 3: build, train, judge, ship."""

from keras_seg import layers
from keras_seg._version import __version__

__all__ = ["__version__", "layers"]
