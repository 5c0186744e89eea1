"""Changes to a trained network's graph that keep its weights."""

from keras_seg.surgery.convolutionalize import convolutionalize
from keras_seg.surgery.dilate import dilate
from keras_seg.surgery.fold_batch_norm import fold_batch_norm
from keras_seg.surgery.fold_padding import fold_padding
from keras_seg.surgery.fold_upsampling import fold_upsampling

__all__ = ["convolutionalize", "dilate", "fold_batch_norm", "fold_padding", "fold_upsampling"]
