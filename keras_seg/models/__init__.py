"""Segmentation architectures, each a function that returns a functional `keras.Model`."""

from keras_seg.backbones import unfreeze
from keras_seg.models.full_resolution_net import FullResolutionNet
from keras_seg.models.patch_classifier import PatchClassifier
from keras_seg.models.registry import build, names
from keras_seg.models.unet import UNet

__all__ = ["FullResolutionNet", "PatchClassifier", "UNet", "build", "names", "unfreeze"]
