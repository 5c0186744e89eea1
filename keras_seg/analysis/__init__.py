"""Analysis of networks: receptive fields, drawn over an image, shift strides and multiply-adds."""

from keras_seg.analysis.draw_receptive_field import draw_receptive_field
from keras_seg.analysis.multiply_adds import multiply_adds
from keras_seg.analysis.receptive_field import ReceptiveField, receptive_field
from keras_seg.analysis.shift_stride import shift_stride

__all__ = ["ReceptiveField", "draw_receptive_field", "multiply_adds", "receptive_field", "shift_stride"]
