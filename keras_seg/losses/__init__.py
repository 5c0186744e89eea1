"""Losses for labels with void pixels; they add up: `CrossEntropy() + 0.5 * SoftIoU()`."""

from keras_seg.losses.cross_entropy import CrossEntropy, cross_entropy
from keras_seg.losses.focal_cross_entropy import FocalCrossEntropy, focal_cross_entropy
from keras_seg.losses.generalized_dice import GeneralizedDice, generalized_dice
from keras_seg.losses.lovasz_hinge import LovaszHinge, lovasz_hinge
from keras_seg.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from keras_seg.losses.ohem_cross_entropy import OHEMCrossEntropy, ohem_cross_entropy
from keras_seg.losses.segmentation_loss import SegmentationLoss
from keras_seg.losses.soft_dice import SoftDice, soft_dice
from keras_seg.losses.soft_iou import SoftIoU, soft_iou
from keras_seg.losses.tversky import Tversky, tversky
from keras_seg.losses.weighted_sum import WeightedSum

__all__ = [
    "CrossEntropy",
    "FocalCrossEntropy",
    "GeneralizedDice",
    "LovaszHinge",
    "LovaszSoftmax",
    "OHEMCrossEntropy",
    "SegmentationLoss",
    "SoftDice",
    "SoftIoU",
    "Tversky",
    "WeightedSum",
    "cross_entropy",
    "focal_cross_entropy",
    "generalized_dice",
    "lovasz_hinge",
    "lovasz_softmax",
    "ohem_cross_entropy",
    "soft_dice",
    "soft_iou",
    "tversky",
]
