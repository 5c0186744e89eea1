"""The ResNets of classification_models 1.0.0, which segmentation_models 1.0.1 builds on.

They are those of MXNet: He et al. (2016), "Identity mappings in deep residual networks", with activations before the
convolutions, and a BatchNormalization of the image itself, so that images need no preprocessing.
"""

from typing import NamedTuple

import keras
from keras import layers

from keras_seg.compat.segmentation_models import _mxnet
from keras_seg.compat.segmentation_models._squeeze import squeeze_and_excitation

_CONV = {"use_bias": False, "padding": "valid", "kernel_initializer": "he_uniform"}


class ResNet(NamedTuple):
    """A variant.

    Attributes:
        repetitions: units per stage.
        bottleneck: whether a unit has three convolutions.
        squeeze: whether units end with squeeze and excitation.
    """

    repetitions: tuple[int, int, int, int]
    bottleneck: bool = False
    squeeze: bool = False


VARIANTS = {
    "resnet18": ResNet((2, 2, 2, 2)),
    "resnet34": ResNet((3, 4, 6, 3)),
    "resnet50": ResNet((3, 4, 6, 3), bottleneck=True),
    "resnet101": ResNet((3, 4, 23, 3), bottleneck=True),
    "resnet152": ResNet((3, 8, 36, 3), bottleneck=True),
    "seresnet18": ResNet((2, 2, 2, 2), squeeze=True),
    "seresnet34": ResNet((3, 4, 6, 3), squeeze=True),
}
# (training data, MD5 of the file) of each variant.
FILES = {
    "resnet18": {"imagenet": ("imagenet_1000", "318e3ac0cd98d51e917526c9f62f0b50")},
    "resnet34": {"imagenet": ("imagenet_1000", "8caaa0ad39d927cb8ba5385bf945d582")},
    "resnet50": {
        "imagenet": ("imagenet_1000", "db3b217156506944570ac220086f09b6"),
        "imagenet11k-places365ch": ("imagenet11k-places365ch_11586", "d8bf4e7ea082d9d43e37644da217324a"),
    },
    "resnet101": {"imagenet": ("imagenet_1000", "1016e7663980d5597a4e224d915c342d")},
    "resnet152": {
        "imagenet": ("imagenet_1000", "5867b94098df4640918941115db93734"),
        "imagenet11k": ("imagenet11k_11221", "25ab66dec217cb774a27d0f3659cafb3"),
    },
    "seresnet18": {"imagenet": ("imagenet_1000", "a46e5cd4114ac946ecdc58741e8d92ea")},
    "seresnet34": {"imagenet": ("imagenet_1000", "3348fd049f1f9ad307c070ff2b6ec4cb")},
}
features, preprocess = _mxnet.features, _mxnet.preprocess


def build(name: str, input_shape: tuple) -> keras.Model:
    """The network without its classifier and with random weights."""
    variant = VARIANTS[name]
    image = keras.Input(input_shape, name="data")
    x = _mxnet.first_layers(image, "he_uniform")
    for stage, repetitions in enumerate(variant.repetitions):
        for unit in range(repetitions):
            strides = 2 if unit == 0 and stage > 0 else 1
            unit_name = f"stage{stage + 1}_unit{unit + 1}_"
            x = _unit(x, variant, 64 * 2**stage, name=unit_name, strides=strides, projected=unit == 0)
    return keras.Model(image, _mxnet.activated(x, "bn1", "relu1"))


def _unit(x, variant: ResNet, filters: int, *, name: str, strides: int, projected: bool):
    shortcut = x
    width = 4 * filters if variant.bottleneck else filters
    # (kernel size, filters, strides) of each convolution.
    steps = [(3, filters, strides), (3, filters, 1)]
    if variant.bottleneck:
        steps = [(1, filters, 1), (3, filters, strides), (1, width, 1)]
    for number, (kernel_size, channels, step) in enumerate(steps, 1):
        x = _mxnet.activated(x, f"{name}bn{number}", f"{name}relu{number}")
        if number == 1 and projected:
            shortcut = layers.Conv2D(width, 1, strides=strides, name=f"{name}sc", **_CONV)(x)
        if kernel_size == 3:
            x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(channels, kernel_size, strides=step, name=f"{name}conv{number}", **_CONV)(x)
    if variant.squeeze:
        x = squeeze_and_excitation(x)
    return layers.Add()([x, shortcut])
