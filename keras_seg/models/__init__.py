"""Segmentation architectures, each a function that returns a functional `keras.Model`."""

from keras_seg.backbones import unfreeze
from keras_seg.models.deconvnet import DeconvNet
from keras_seg.models.deeplabv3plus import DeepLabV3Plus
from keras_seg.models.dilated_fcn import DilatedFCN
from keras_seg.models.fcn8s import FCN8s
from keras_seg.models.fcn16s import FCN16s
from keras_seg.models.fcn32s import FCN32s
from keras_seg.models.fpn import FPN
from keras_seg.models.full_resolution_net import FullResolutionNet
from keras_seg.models.linknet import LinkNet
from keras_seg.models.patch_classifier import PatchClassifier
from keras_seg.models.pspnet import PSPNet
from keras_seg.models.registry import build, names
from keras_seg.models.segnet import SegNet
from keras_seg.models.segnet_basic import SegNetBasic
from keras_seg.models.transfer_weights import transfer_weights
from keras_seg.models.unet import UNet

__all__ = [
    "FPN",
    "DeconvNet",
    "DeepLabV3Plus",
    "DilatedFCN",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "FullResolutionNet",
    "LinkNet",
    "PSPNet",
    "PatchClassifier",
    "SegNet",
    "SegNetBasic",
    "UNet",
    "build",
    "names",
    "transfer_weights",
    "unfreeze",
]
