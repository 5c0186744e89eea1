"""What the ResNets and ResNeXts of classification_models share: those of MXNet, with a normalized image."""

from typing import Any

from keras import layers

_EPSILON = 2e-5


def first_layers(image, kernel_initializer: str):
    """A quarter of the image's size, from a BatchNormalization of the image itself on."""
    x = layers.BatchNormalization(scale=False, epsilon=_EPSILON, name="bn_data")(image)
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, kernel_initializer=kernel_initializer, name="conv0")(x)
    x = activated(x, "bn0", "relu0")
    x = layers.ZeroPadding2D(1)(x)
    return layers.MaxPooling2D(3, strides=2, name="pooling0")(x)


def normalized(x, name: str):
    """BatchNormalization."""
    return layers.BatchNormalization(epsilon=_EPSILON, name=name)(x)


def activated(x, bn_name: str, relu_name: str):
    """BatchNormalization and ReLU."""
    return layers.Activation("relu", name=relu_name)(normalized(x, bn_name))


def features(name: str) -> tuple[str, ...]:
    """The layers with features, from 1/16 of the size to a half."""
    return "stage4_unit1_relu1", "stage3_unit1_relu1", "stage2_unit1_relu1", "relu0"


def preprocess(x: Any, **settings: Any) -> Any:
    """The images as they are."""
    return x
