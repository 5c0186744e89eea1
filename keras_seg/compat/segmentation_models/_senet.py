"""The SENets of classification_models 1.0.0 with bottlenecks: Hu et al. (2018), "Squeeze-and-excitation networks".

They are those of PyTorch's pretrained-models, and Keras names their layers. The groups of a convolution are layers of
their own there, and one layer here.
"""

import functools
from typing import NamedTuple

import keras
from keras import layers

from keras_seg.compat.segmentation_models._features import Nth
from keras_seg.compat.segmentation_models._squeeze import squeeze_and_excitation


class SENet(NamedTuple):
    """A variant.

    Attributes:
        repetitions: units per stage.
        reduction: what a unit's channels are divided by in its first convolution.
        middle_reduction: what they are divided by in its 3x3 convolution.
        groups: of the 3x3 convolution. Without groups, the first convolution has the stride of the unit.
        deep: whether the network begins with three 3x3 convolutions, and its shortcuts are 3x3 where they have a
            stride.
    """

    repetitions: tuple[int, int, int, int]
    reduction: int = 4
    middle_reduction: int = 4
    groups: int = 1
    deep: bool = False


VARIANTS = {
    "seresnet50": SENet((3, 4, 6, 3)),
    "seresnet101": SENet((3, 4, 23, 3)),
    "seresnet152": SENet((3, 8, 36, 3)),
    "seresnext50": SENet((3, 4, 6, 3), 2, 2, groups=32),
    "seresnext101": SENet((3, 4, 23, 3), 2, 2, groups=32),
    "senet154": SENet((3, 8, 36, 3), 2, 1, groups=64, deep=True),
}
FILES = {
    "seresnet50": {"imagenet": ("imagenet_1000", "043777781b0d5ca756474d60bf115ef1")},
    "seresnet101": {"imagenet": ("imagenet_1000", "1c373b0c196918713da86951d1239007")},
    "seresnet152": {"imagenet": ("imagenet_1000", "f58d4c1a511c7445ab9a2c2b83ee4e7b")},
    "seresnext50": {"imagenet": ("imagenet_1000", "b0f23d2e1cd406d67335fb92d85cc279")},
    "seresnext101": {"imagenet": ("imagenet_1000", "e48708cbe40071cc3356016c37f6c9c7")},
    "senet154": {"imagenet": ("imagenet_1000", "d854ff2cd7e6a87b05a8124cd283e0f2")},
}
preprocess = functools.partial(keras.applications.imagenet_utils.preprocess_input, mode="torch")
_EPSILON = 1e-5
# Activations of a unit: two between its convolutions, two of squeeze and excitation, and the last.
_UNIT_ACTIVATIONS = 5


def build(name: str, input_shape: tuple) -> keras.Model:
    """The network without its classifier and with random weights."""
    variant = VARIANTS[name]
    image = keras.Input(input_shape, name="input")
    if variant.deep:
        x = _relu(_convolution(image, 64, 3, strides=2))
        x = _relu(_convolution(x, 64, 3))
        x = _relu(_convolution(x, 128, 3))
    else:
        x = _relu(_convolution(image, 64, 7, strides=2))
    x = layers.ZeroPadding2D(1)(x)
    x = layers.MaxPooling2D(3, strides=2)(x)
    for stage, repetitions in enumerate(variant.repetitions):
        for unit in range(repetitions):
            x = _unit(x, variant, 256 * 2**stage, strides=2 if unit == 0 and stage > 0 else 1)
    return keras.Model(image, x)


def features(name: str) -> tuple[Nth, ...]:
    """The layers with features, from 1/16 of the size to a half: the ends of three stages, and of the first layers."""
    variant = VARIANTS[name]
    first = 2 if variant.deep else 0
    units = (sum(variant.repetitions[:stages]) for stages in (3, 2, 1, 0))
    return tuple(Nth("activation", first + _UNIT_ACTIVATIONS * count) for count in units)


def _unit(x, variant: SENet, filters: int, *, strides: int):
    shortcut, first_strides = x, 1 if variant.groups > 1 else strides
    x = _relu(_convolution(x, filters // variant.reduction, 1, strides=first_strides))
    middle = filters // variant.middle_reduction
    x = _relu(_convolution(x, middle, 3, strides=strides // first_strides, groups=variant.groups))
    x = _convolution(x, filters, 1)
    if shortcut.shape[-1] != filters:
        shortcut = _convolution(shortcut, filters, 3 if variant.deep and strides > 1 else 1, strides=strides)
    return _relu(layers.Add()([squeeze_and_excitation(x), shortcut]))


def _convolution(x, filters: int, kernel_size: int, *, strides: int = 1, groups: int = 1):
    """A convolution that pads both sides alike, and its normalization."""
    if kernel_size > 1:
        x = layers.ZeroPadding2D(kernel_size // 2)(x)
    convolution = layers.Conv2D(
        filters, kernel_size, strides=strides, groups=groups, use_bias=False, kernel_initializer="he_uniform"
    )
    return layers.BatchNormalization(epsilon=_EPSILON)(convolution(x))


def _relu(x):
    return layers.Activation("relu")(x)
