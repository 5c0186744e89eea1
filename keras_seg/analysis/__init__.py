"""What a network looks at and what it costs: receptive fields, drawn over an image, and multiply-adds."""

from keras_seg.analysis.drawing import draw_receptive_field
from keras_seg.analysis.grid_stride import grid_stride
from keras_seg.analysis.multiply_adds import multiply_adds
from keras_seg.analysis.receptive_field import ReceptiveField, receptive_field

__all__ = ["ReceptiveField", "draw_receptive_field", "grid_stride", "multiply_adds", "receptive_field"]
