"""Layers that Keras lacks or gets wrong for segmentation."""

# Layers of models, which saved ones hold: Keras finds them only if they are imported.
from keras_seg.layers import attention2d as attention2d
from keras_seg.layers import channel_normalization as channel_normalization
from keras_seg.layers import channel_sum as channel_sum
from keras_seg.layers import global_response_normalization as global_response_normalization
from keras_seg.layers import minimum_size as minimum_size
from keras_seg.layers import pad_to_minimum as pad_to_minimum
from keras_seg.layers import valid_size as valid_size
from keras_seg.layers import vision_transformer_maps as vision_transformer_maps
from keras_seg.layers.adaptive_average_pooling2d import AdaptiveAveragePooling2D
from keras_seg.layers.batch_normalization import BatchNormalization
from keras_seg.layers.bed_of_nails2d import BedOfNails2D
from keras_seg.layers.channel_deconvolution2d import ChannelDeconvolution2D
from keras_seg.layers.crop_like import CropLike
from keras_seg.layers.dilated_pooling2d import DilatedPooling2D
from keras_seg.layers.linear_fusion import LinearFusion
from keras_seg.layers.local_response_normalization import LocalResponseNormalization
from keras_seg.layers.max_pooling_with_argmax2d import MaxPoolingWithArgmax2D
from keras_seg.layers.max_unpooling2d import MaxUnpooling2D
from keras_seg.layers.pad_to_stride import PadToStride
from keras_seg.layers.pixel_shuffle2d import PixelShuffle2D, shuffle_order_from_torch
from keras_seg.layers.pooling_indices import from_tf_argmax, from_torch_indices, to_tf_argmax, to_torch_indices
from keras_seg.layers.preprocessing import Preprocessing
from keras_seg.layers.reach import EVERYTHING, UNKNOWN, Reach
from keras_seg.layers.resize2d import Resize2D
from keras_seg.layers.resize_like import ResizeLike
from keras_seg.layers.upsample_conv import UpsampleConv

__all__ = [
    "EVERYTHING",
    "UNKNOWN",
    "AdaptiveAveragePooling2D",
    "BatchNormalization",
    "BedOfNails2D",
    "ChannelDeconvolution2D",
    "CropLike",
    "DilatedPooling2D",
    "LinearFusion",
    "LocalResponseNormalization",
    "MaxPoolingWithArgmax2D",
    "MaxUnpooling2D",
    "PadToStride",
    "PixelShuffle2D",
    "Preprocessing",
    "Reach",
    "Resize2D",
    "ResizeLike",
    "UpsampleConv",
    "from_tf_argmax",
    "from_torch_indices",
    "shuffle_order_from_torch",
    "to_tf_argmax",
    "to_torch_indices",
]
