"""Metrics computed from exact pixel counts; `scores` has those of a confusion matrix as plain functions."""

from keras_seg.metrics import scores
from keras_seg.metrics.bootstrap import Interval, confidence_interval, paired_difference
from keras_seg.metrics.boundary_f_score import BoundaryFScore
from keras_seg.metrics.boundary_iou import BoundaryIoU
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.dice import Dice
from keras_seg.metrics.expected_calibration_error import ExpectedCalibrationError
from keras_seg.metrics.frequency_weighted_iou import FrequencyWeightedIoU
from keras_seg.metrics.instance_score import instance_counts, instance_score
from keras_seg.metrics.mean_accuracy import MeanAccuracy
from keras_seg.metrics.mean_iou import MeanIoU
from keras_seg.metrics.metric_suite import MetricSuite
from keras_seg.metrics.multi_label_confusion import MultiLabelConfusion
from keras_seg.metrics.multi_label_score import MultiLabelScore
from keras_seg.metrics.panoptic_quality import PanopticQuality, panoptic_quality
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
    "ExpectedCalibrationError",
    "FrequencyWeightedIoU",
    "Interval",
    "MeanAccuracy",
    "MeanIoU",
    "MetricSuite",
    "MultiLabelConfusion",
    "MultiLabelScore",
    "PanopticQuality",
    "PerClassIoU",
    "PixelAccuracy",
    "Precision",
    "Recall",
    "TrimapIoU",
    "confidence_interval",
    "instance_counts",
    "instance_score",
    "paired_difference",
    "panoptic_quality",
    "scores",
]
