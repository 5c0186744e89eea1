"""Augmentation of an image and its mask together."""

from keras_seg.augmentation.standard import StandardAugmentation, standard

__all__ = ["StandardAugmentation", "standard"]
