"""What a network looks at: receptive fields, in numbers and drawn over an image."""

from keras_seg.analysis.drawing import draw_receptive_field
from keras_seg.analysis.receptive_field import ReceptiveField, receptive_field

__all__ = ["ReceptiveField", "draw_receptive_field", "receptive_field"]
