"""Metrics read from one streaming confusion matrix; `scores` has the same as functions of a matrix."""

from keras_seg.metrics import scores
from keras_seg.metrics.boundary_f_score import BoundaryFScore
from keras_seg.metrics.boundary_iou import BoundaryIoU
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.dice import Dice
from keras_seg.metrics.frequency_weighted_iou import FrequencyWeightedIoU
from keras_seg.metrics.mean_accuracy import MeanAccuracy
from keras_seg.metrics.mean_iou import MeanIoU
from keras_seg.metrics.per_class_iou import PerClassIoU
from keras_seg.metrics.pixel_accuracy import PixelAccuracy
from keras_seg.metrics.precision import Precision
from keras_seg.metrics.recall import Recall
from keras_seg.metrics.trimap_iou import TrimapIoU

__all__ = [
    "BoundaryFScore",
    "BoundaryIoU",
    "ConfusionMatrix",
    "Dice",
    "FrequencyWeightedIoU",
    "MeanAccuracy",
    "MeanIoU",
    "PerClassIoU",
    "PixelAccuracy",
    "Precision",
    "Recall",
    "TrimapIoU",
    "scores",
]
