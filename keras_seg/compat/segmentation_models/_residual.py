"""The ResNets of classification_models 1.0.0, which segmentation_models 1.0.1 builds on.

They are those of MXNet: He et al. (2016), "Identity mappings in deep residual networks", with activations before the
convolutions, and a BatchNormalization of the image itself, so that images need no preprocessing.
"""

from typing import NamedTuple

import keras
from keras import layers

_CONV = {"use_bias": False, "padding": "valid", "kernel_initializer": "he_uniform"}
_EPSILON = 2e-5


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
FEATURES = ("stage4_unit1_relu1", "stage3_unit1_relu1", "stage2_unit1_relu1", "relu0")


def build(variant: ResNet, input_shape: tuple) -> keras.Model:
    """The network without its classifier and with random weights."""
    image = keras.Input(input_shape, name="data")
    x = layers.BatchNormalization(scale=False, epsilon=_EPSILON, name="bn_data")(image)
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(64, 7, strides=2, name="conv0", **_CONV)(x)
    x = _normalized(x, "bn0", "relu0")
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2, name="pooling0")(x)
    for stage, repetitions in enumerate(variant.repetitions):
        for unit in range(repetitions):
            strides = 2 if unit == 0 and stage > 0 else 1
            name = f"stage{stage + 1}_unit{unit + 1}_"
            x = _unit(x, variant, 64 * 2**stage, name=name, strides=strides, projected=unit == 0)
    return keras.Model(image, _normalized(x, "bn1", "relu1"))


def _unit(x, variant: ResNet, filters: int, *, name: str, strides: int, projected: bool):
    shortcut = x
    width = 4 * filters if variant.bottleneck else filters
    # (kernel size, filters, strides) of each convolution.
    steps = [(3, filters, strides), (3, filters, 1)]
    if variant.bottleneck:
        steps = [(1, filters, 1), (3, filters, strides), (1, width, 1)]
    for number, (kernel_size, channels, step) in enumerate(steps, 1):
        x = _normalized(x, f"{name}bn{number}", f"{name}relu{number}")
        if number == 1 and projected:
            shortcut = layers.Conv2D(width, 1, strides=strides, name=f"{name}sc", **_CONV)(x)
        if kernel_size == 3:
            x = layers.ZeroPadding2D(1)(x)
        x = layers.Conv2D(channels, kernel_size, strides=step, name=f"{name}conv{number}", **_CONV)(x)
    if variant.squeeze:
        x = _squeeze_and_excitation(x)
    return layers.Add()([x, shortcut])


def _normalized(x, bn_name: str, relu_name: str):
    x = layers.BatchNormalization(epsilon=_EPSILON, name=bn_name)(x)
    return layers.Activation("relu", name=relu_name)(x)


def _squeeze_and_excitation(x):
    channels = x.shape[-1]
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    scale = layers.Conv2D(channels // 16, 1, kernel_initializer="he_uniform")(scale)
    scale = layers.Activation("relu")(scale)
    scale = layers.Conv2D(channels, 1, kernel_initializer="he_uniform")(scale)
    return layers.Multiply()([x, layers.Activation("sigmoid")(scale)])
