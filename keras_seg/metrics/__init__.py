"""Metrics computed from exact pixel counts; `scores` has those of a confusion matrix as plain functions."""

from keras_seg.metrics import scores
from keras_seg.metrics.bootstrap import Interval, confidence_interval, iou_intervals, paired_difference
from keras_seg.metrics.boundary_f_score import BoundaryFScore
from keras_seg.metrics.boundary_ious import BoundaryIoU, TrimapIoU
from keras_seg.metrics.class_scores import Dice, PerClassIoU, Precision, Recall
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.expected_calibration_error import ExpectedCalibrationError
from keras_seg.metrics.instance_score import instance_counts, instance_score
from keras_seg.metrics.matrix_scores import FrequencyWeightedIoU, MeanAccuracy, MeanIoU, PixelAccuracy
from keras_seg.metrics.metric_suite import MetricSuite
from keras_seg.metrics.multi_label import MultiLabelConfusion, MultiLabelScore
from keras_seg.metrics.panoptic_quality import PanopticQuality, panoptic_quality

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
    "iou_intervals",
    "paired_difference",
    "panoptic_quality",
    "scores",
]
