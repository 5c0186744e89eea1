"""Models by name, for the command line and for plans kept in files."""

import inspect
from typing import Any

import keras

from keras_seg import _validation
from keras_seg.models.bisenetv2 import BiSeNetV2
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
from keras_seg.models.lraspp import LRASPP
from keras_seg.models.manet import MAnet
from keras_seg.models.pan import PAN
from keras_seg.models.patch_classifier import PatchClassifier
from keras_seg.models.pidnet import PIDNet
from keras_seg.models.pspnet import PSPNet
from keras_seg.models.segformer import SegFormer
from keras_seg.models.segnet import SegNet
from keras_seg.models.segnet_basic import SegNetBasic
from keras_seg.models.unet import UNet
from keras_seg.models.unet2015 import UNet2015
from keras_seg.models.unetplusplus import UNetPlusPlus
from keras_seg.models.upernet import UPerNet

_MODELS = {
    model.__name__: model
    for model in (
        PatchClassifier, FullResolutionNet, FCN32s, FCN16s, FCN8s, DeconvNet, SegNet, SegNetBasic, DilatedFCN, FCN,
        UNet2015, UNet, UNetPlusPlus, MAnet, FPN, LinkNet, PSPNet, DeepLabV3, DeepLabV3Plus, LRASPP, PAN, UPerNet,
        SegFormer, DPT, FastSCNN, BiSeNetV2, DDRNet, PIDNet,
    )
}  # fmt: skip


def names() -> list[str]:
    """The names that `build` takes.

    Returns:
        A list of strings.

    Examples:
        >>> import keras_seg as ks
        >>> "UNet" in ks.models.names()
        True
    """
    return list(_MODELS)


def build(name: str, /, **kwargs: Any) -> keras.Model:
    """Build a model by its name.

    Args:
        name: str. One of `names()`, by position: `name=` is that of the model that is built.
        **kwargs: arguments of the model.

    Returns:
        A `keras.Model`.

    Raises:
        InputError: if the name or an argument is unknown; the nearest one is suggested.

    Examples:
        >>> import keras_seg as ks
        >>> ks.models.build("UNet", num_classes=3, filters=8, depth=2).name
        'unet'
    """
    model = _MODELS[_validation.one_of("model", name, _MODELS)]
    accepted = arguments(name)
    for argument in kwargs:
        if argument not in accepted:
            raise _validation.InputError(
                f"`{argument}` is not an argument of {name}. {_validation.nearest(argument, accepted)}"
            )
    if "num_classes" not in kwargs:
        raise _validation.InputError(f"`num_classes` is missing, which {name} needs. Pass, say, num_classes=21.")
    return model(**kwargs)


def arguments(name: str) -> tuple[str, ...]:
    """The names of the arguments of model `name`."""
    return tuple(inspect.signature(_MODELS[name]).parameters)
