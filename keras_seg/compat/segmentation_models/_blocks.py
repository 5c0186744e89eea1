"""Layers that the four models share, under their names in segmentation_models 1.0.1."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg.compat.segmentation_models._backbones import get_backbone, get_feature_layers
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


def decoder_input(
    name: str,
    input_shape: tuple[int | None, ...],
    *,
    weights: str | None,
    features: str | Sequence[str | int],
    use_batchnorm: bool,
):
    """(backbone, its output, its features), for decoders that begin at the smallest map.

    The output of a backbone that ends in a pooling, as VGG does, passes through two more convolutions.
    """
    backbone = get_backbone(name, input_shape, weights)
    x = backbone.output
    skips = skips_of(backbone, name, features)
    if isinstance(backbone.layers[-1], layers.MaxPooling2D):
        for number in (1, 2):
            x = conv_bn_relu(x, 512, 3, name=f"center_block{number}", use_batchnorm=use_batchnorm)
    return backbone, x, skips


def skips_of(backbone: keras.Model, name: str, features: str | Sequence[str | int]) -> list:
    """The features of a backbone: those of its own four layers for "default", or of the given ones."""
    return [feature(backbone, layer) for layer in (get_feature_layers(name, 4) if features == "default" else features)]


def decoder_block_of(decoder_block_type: str, upsampling, transpose):
    """The block of a decoder by its name."""
    blocks = {"upsampling": upsampling, "transpose": transpose}
    if decoder_block_type not in blocks:
        raise ValueError(f'Decoder block type should be in ("upsampling", "transpose"). Got: {decoder_block_type}')
    return blocks[decoder_block_type]


def classes_of(x, classes: int, *, name: str | None):
    """The layer of the classes."""
    return layers.Conv2D(classes, 3, padding="same", name=name)(x)
