"""Layers that Keras lacks or gets wrong for segmentation."""

from keras_seg.layers.adaptive_average_pooling import AdaptiveAveragePooling2D
from keras_seg.layers.crop_like import CropLike
from keras_seg.layers.pad_to_stride import PadToStride
from keras_seg.layers.resize2d import Resize2D
from keras_seg.layers.resize_like import ResizeLike
from keras_seg.layers.upsample_conv import UpsampleConv

__all__ = ["AdaptiveAveragePooling2D", "CropLike", "PadToStride", "Resize2D", "ResizeLike", "UpsampleConv"]
