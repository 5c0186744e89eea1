"""Segmentation architectures, each a function that returns a functional `keras.Model`."""

from keras_seg.models.bisenetv2 import BiSeNetV2
from keras_seg.models.convert import convert
from keras_seg.models.ddrnet import DDRNet
from keras_seg.models.deconvnet import DeconvNet
from keras_seg.models.deeplabv3 import DeepLabV3
from keras_seg.models.deeplabv3plus import DeepLabV3Plus
from keras_seg.models.dilated_fcn import DilatedFCN
from keras_seg.models.dpt import DPT
from keras_seg.models.fast_scnn import FastSCNN
from keras_seg.models.fcn import FCN8s, FCN16s, FCN32s
from keras_seg.models.fcn_on_backbone import FCN
from keras_seg.models.fpn import FPN
from keras_seg.models.full_resolution_net import FullResolutionNet
from keras_seg.models.linknet import LinkNet
from keras_seg.models.load_pretrained import load_pretrained
from keras_seg.models.lraspp import LRASPP
from keras_seg.models.manet import MAnet
from keras_seg.models.pan import PAN
from keras_seg.models.patch_classifier import PatchClassifier
from keras_seg.models.pidnet import PIDNet
from keras_seg.models.pspnet import PSPNet
from keras_seg.models.registry import build, names
from keras_seg.models.segformer import SegFormer
from keras_seg.models.segnet import SegNet
from keras_seg.models.segnet_basic import SegNetBasic
from keras_seg.models.transfer_weights import transfer_weights
from keras_seg.models.unet import UNet
from keras_seg.models.unet2015 import UNet2015
from keras_seg.models.unetplusplus import UNetPlusPlus
from keras_seg.models.unfreeze import unfreeze
from keras_seg.models.upernet import UPerNet
from keras_seg.models.without_aux import without_aux

__all__ = [
    "DPT",
    "FCN",
    "FPN",
    "LRASPP",
    "PAN",
    "BiSeNetV2",
    "DDRNet",
    "DeconvNet",
    "DeepLabV3",
    "DeepLabV3Plus",
    "DilatedFCN",
    "FCN8s",
    "FCN16s",
    "FCN32s",
    "FastSCNN",
    "FullResolutionNet",
    "LinkNet",
    "MAnet",
    "PIDNet",
    "PSPNet",
    "PatchClassifier",
    "SegFormer",
    "SegNet",
    "SegNetBasic",
    "UNet",
    "UNet2015",
    "UNetPlusPlus",
    "UPerNet",
    "build",
    "convert",
    "load_pretrained",
    "names",
    "transfer_weights",
    "unfreeze",
    "without_aux",
]
