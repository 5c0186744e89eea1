"""Initial weights for layers that enlarge maps."""

from keras_seg.initializers.bilinear import Bilinear
from keras_seg.initializers.icnr import ICNR

__all__ = ["ICNR", "Bilinear"]
