"""Initial weights of layers that enlarge maps, and of layers that start as the identity."""

from keras_seg.initializers.bilinear import Bilinear
from keras_seg.initializers.icnr import ICNR
from keras_seg.initializers.identity_kernel import IdentityKernel

__all__ = ["ICNR", "Bilinear", "IdentityKernel"]
