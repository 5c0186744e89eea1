"""The ResNeXts of classification_models 1.0.0: Xie et al. (2017), "Aggregated residual transformations".

They are those of MXNet, with a BatchNormalization of the image itself, so that images need no preprocessing. The 32
groups of a convolution are layers of their own there, and one layer here.
"""

import keras
from keras import layers

from keras_seg.compat.segmentation_models import _mxnet

# Units per stage of each variant.
VARIANTS = {"resnext50": (3, 4, 6, 3), "resnext101": (3, 4, 23, 3)}
FILES = {
    "resnext50": {"imagenet": ("imagenet_1000", "7ade5c8aac9194af79b1724229bdaa50")},
    "resnext101": {"imagenet": ("imagenet_1000", "91fe0126320e49f6ee607a0719828c7e")},
}
_GROUPS = 32
_CONV = {"use_bias": False, "padding": "valid"}
features, preprocess = _mxnet.features, _mxnet.preprocess


def build(name: str, input_shape: tuple) -> keras.Model:
    """The network without its classifier and with random weights."""
    image = keras.Input(input_shape, name="data")
    x = _mxnet.first_layers(image, "glorot_uniform")
    for stage, repetitions in enumerate(VARIANTS[name]):
        for unit in range(repetitions):
            strides = 2 if unit == 0 and stage > 0 else 1
            unit_name = f"stage{stage + 1}_unit{unit + 1}_"
            x = _unit(x, 128 * 2**stage, name=unit_name, strides=strides, projected=unit == 0)
    return keras.Model(image, x)


def _unit(x, filters: int, *, name: str, strides: int, projected: bool):
    shortcut = x
    x = layers.Conv2D(filters, 1, name=f"{name}conv1", **_CONV)(x)
    x = _mxnet.activated(x, f"{name}bn1", f"{name}relu1")
    x = layers.ZeroPadding2D(1)(x)
    x = layers.Conv2D(filters, 3, strides=strides, groups=_GROUPS, name=f"{name}conv2", **_CONV)(x)
    x = _mxnet.activated(x, f"{name}bn2", f"{name}relu2")
    x = layers.Conv2D(2 * filters, 1, name=f"{name}conv3", **_CONV)(x)
    x = _mxnet.normalized(x, f"{name}bn3")
    if projected:
        shortcut = layers.Conv2D(2 * filters, 1, strides=strides, name=f"{name}sc", **_CONV)(shortcut)
        shortcut = _mxnet.normalized(shortcut, f"{name}sc_bn")
    return layers.Activation("relu", name=f"{name}relu")(layers.Add()([x, shortcut]))
