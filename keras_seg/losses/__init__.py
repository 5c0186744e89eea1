"""Losses for labels with void pixels; they add up: `CrossEntropy() + 0.5 * SoftIoU()`."""

from keras_seg.losses.cross_entropy import CrossEntropy, cross_entropy
from keras_seg.losses.segmentation_loss import SegmentationLoss
from keras_seg.losses.soft_iou import SoftIoU, soft_iou
from keras_seg.losses.weighted_sum import WeightedSum

__all__ = ["CrossEntropy", "SegmentationLoss", "SoftIoU", "WeightedSum", "cross_entropy", "soft_iou"]
