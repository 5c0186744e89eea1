"""Augmentation of images together with their masks, weight maps and instance ids."""

from keras_seg.augmentation.augmentation import Augmentation
from keras_seg.augmentation.augmentation_layer import AugmentationLayer
from keras_seg.augmentation.geometry.elastic import Elastic
from keras_seg.augmentation.geometry.flip import Flip
from keras_seg.augmentation.geometry.projective import Perspective, Rotate, Scale, Shear, Translate
from keras_seg.augmentation.geometry.rotate90 import Rotate90
from keras_seg.augmentation.mixing.classmix import ClassMix
from keras_seg.augmentation.mixing.cutmix import CutMix
from keras_seg.augmentation.mixing.cutout import Cutout
from keras_seg.augmentation.photometric.color import Brightness, Contrast, Gamma, Hue, Saturation
from keras_seg.augmentation.photometric.quality import JPEG, Blur, Noise
from keras_seg.augmentation.presets import preset
from keras_seg.augmentation.random_crop import RandomCrop
from keras_seg.augmentation.sheet import sheet
from keras_seg.augmentation.standard import StandardAugmentation, standard

__all__ = [
    "JPEG",
    "Augmentation",
    "AugmentationLayer",
    "Blur",
    "Brightness",
    "ClassMix",
    "Contrast",
    "CutMix",
    "Cutout",
    "Elastic",
    "Flip",
    "Gamma",
    "Hue",
    "Noise",
    "Perspective",
    "RandomCrop",
    "Rotate",
    "Rotate90",
    "Saturation",
    "Scale",
    "Shear",
    "StandardAugmentation",
    "Translate",
    "preset",
    "sheet",
    "standard",
]
