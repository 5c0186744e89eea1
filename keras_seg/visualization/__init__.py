"""Pictures of masks: palettes, overlays and panels."""

from keras_seg.visualization.overlays import colorize, overlay
from keras_seg.visualization.palettes import palette
from keras_seg.visualization.panels import prediction_panel

__all__ = ["colorize", "overlay", "palette", "prediction_panel"]
