"""Losses for labels with void pixels; they can be added: `Crossentropy() + 0.5 * SoftIoU()`."""

from keras_seg.losses.crossentropy import Crossentropy, crossentropy
from keras_seg.losses.focal_crossentropy import FocalCrossentropy, focal_crossentropy
from keras_seg.losses.generalized_dice import GeneralizedDice, generalized_dice
from keras_seg.losses.lovasz_hinge import LovaszHinge, lovasz_hinge
from keras_seg.losses.lovasz_softmax import LovaszSoftmax, lovasz_softmax
from keras_seg.losses.ohem_crossentropy import OHEMCrossentropy, ohem_crossentropy
from keras_seg.losses.segmentation_loss import SegmentationLoss
from keras_seg.losses.soft_dice import SoftDice, soft_dice
from keras_seg.losses.soft_iou import SoftIoU, soft_iou
from keras_seg.losses.tversky import Tversky, tversky
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
