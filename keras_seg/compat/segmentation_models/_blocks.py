"""Layers that the four models share, under their names in segmentation_models 1.0.1."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg.compat.segmentation_models._features import feature


def conv_bn_relu(x, filters: int, kernel_size: int, *, name: str, use_batchnorm: bool):
    """Convolution, BatchNormalization if asked for, and ReLU."""
    convolution = layers.Conv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=not use_batchnorm,
        kernel_initializer="he_uniform",
        name=f"{name}_conv",
    )
    x = convolution(x)
    if use_batchnorm:
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def transposed_bn_relu(x, filters: int, *, name: str, use_batchnorm: bool):
    """Transposed convolution that doubles the size, BatchNormalization if asked for, and ReLU."""
    convolution = layers.Conv2DTranspose(
        filters, 4, strides=2, padding="same", use_bias=not use_batchnorm, name=f"{name}_transpose"
    )
    x = convolution(x)
    if use_batchnorm:
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
    return layers.Activation("relu", name=f"{name}_relu")(x)


def center(backbone: keras.Model, *, use_batchnorm: bool):
    """The backbone's output, through two more convolutions if it ends in a pooling, as VGG does."""
    x = backbone.output
    if isinstance(backbone.layers[-1], layers.MaxPooling2D):
        for number in (1, 2):
            x = conv_bn_relu(x, 512, 3, name=f"center_block{number}", use_batchnorm=use_batchnorm)
    return x


def skips_of(backbone: keras.Model, encoder_features: Sequence[str | int]) -> list:
    """The tensors of the named or numbered layers."""
    return [feature(backbone, name) for name in encoder_features]


def decoder_block_of(decoder_block_type: str, upsampling, transpose):
    """The block of a decoder by its name."""
    blocks = {"upsampling": upsampling, "transpose": transpose}
    if decoder_block_type not in blocks:
        raise ValueError(f'Decoder block type should be in ("upsampling", "transpose"). Got: {decoder_block_type}')
    return blocks[decoder_block_type]


def classes_of(x, classes: int, *, name: str | None):
    """The layer of the classes."""
    return layers.Conv2D(classes, 3, padding="same", name=name)(x)
