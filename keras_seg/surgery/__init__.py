"""Changes to a trained network's graph that keep its weights."""

from keras_seg.surgery.convolutionalize import convolutionalize
from keras_seg.surgery.dilate import dilate

__all__ = ["convolutionalize", "dilate"]
