"""Pictures of masks: palettes, overlays, outlines and panels."""

from keras_seg.visualization.boundary_panels import boundary_panel
from keras_seg.visualization.instance_panels import instance_panel
from keras_seg.visualization.outlines import outlines
from keras_seg.visualization.overlays import colorize, overlay
from keras_seg.visualization.palettes import palette
from keras_seg.visualization.panels import prediction_panel

__all__ = ["boundary_panel", "colorize", "instance_panel", "outlines", "overlay", "palette", "prediction_panel"]
