"""Backbones: any network of keras.applications, keras-hub or keras-cv, or any functional model, as a pyramid."""

from keras_seg.backbones.build import build, names
from keras_seg.backbones.compact import Compact
from keras_seg.backbones.pyramid import find_pyramid
from keras_seg.backbones.unfreeze import unfreeze
from keras_seg.backbones.weights import adapt_kernel
from keras_seg.layers.preprocessing import Preprocessing

__all__ = ["Compact", "Preprocessing", "adapt_kernel", "build", "find_pyramid", "names", "unfreeze"]
