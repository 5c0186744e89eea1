"""Metrics read from one streaming confusion matrix; `scores` has the same as functions of a matrix."""

from keras_seg.metrics import scores
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.mean_iou import MeanIoU
from keras_seg.metrics.per_class_iou import PerClassIoU
from keras_seg.metrics.pixel_accuracy import PixelAccuracy

__all__ = ["ConfusionMatrix", "MeanIoU", "PerClassIoU", "PixelAccuracy", "scores"]
