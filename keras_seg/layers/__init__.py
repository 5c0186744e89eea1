"""Layers that Keras lacks or gets wrong for segmentation."""

from keras_seg.layers.crop_like import CropLike
from keras_seg.layers.pad_to_stride import PadToStride
from keras_seg.layers.resize2d import Resize2D
from keras_seg.layers.upsample_conv import UpsampleConv

__all__ = ["CropLike", "PadToStride", "Resize2D", "UpsampleConv"]
