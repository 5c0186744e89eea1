"""Pictures of masks: palettes, overlays, outlines and panels."""

from keras_seg.visualization.boundary_panel import boundary_panel
from keras_seg.visualization.instance_panel import instance_panel
from keras_seg.visualization.outlines import outlines
from keras_seg.visualization.overlay import colorize, overlay
from keras_seg.visualization.palette import palette
from keras_seg.visualization.prediction_panel import prediction_panel

__all__ = ["boundary_panel", "colorize", "instance_panel", "outlines", "overlay", "palette", "prediction_panel"]
