"""Losses for labels with void pixels; they can be added: `Crossentropy() + 0.5 * SoftIoU()`."""

from keras_seg.losses.crossentropy import (
    Crossentropy,
    FocalCrossentropy,
    OHEMCrossentropy,
    crossentropy,
    focal_crossentropy,
    ohem_crossentropy,
)
from keras_seg.losses.generalized_dice import GeneralizedDice, generalized_dice
from keras_seg.losses.lovasz import LovaszHinge, LovaszSoftmax, lovasz_hinge, lovasz_softmax
from keras_seg.losses.overlap_ratios import SoftDice, SoftIoU, Tversky, soft_dice, soft_iou, tversky
from keras_seg.losses.segmentation_loss import SegmentationLoss
from keras_seg.losses.weighted_sum import WeightedSum

__all__ = [
    "Crossentropy",
    "FocalCrossentropy",
    "GeneralizedDice",
    "LovaszHinge",
    "LovaszSoftmax",
    "OHEMCrossentropy",
    "SegmentationLoss",
    "SoftDice",
    "SoftIoU",
    "Tversky",
    "WeightedSum",
    "crossentropy",
    "focal_crossentropy",
    "generalized_dice",
    "lovasz_hinge",
    "lovasz_softmax",
    "ohem_crossentropy",
    "soft_dice",
    "soft_iou",
    "tversky",
]
