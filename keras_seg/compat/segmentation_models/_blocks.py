"""Layers that the four models share, under their names in segmentation_models 1.0.1."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
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
    if isinstance(features, str) and features == "default":
        return [feature(backbone, layer) for layer in get_feature_layers(name, 4)]
    rule = 'must be "default", or a sequence of names or numbers of layers of the backbone'
    if isinstance(features, str) or not isinstance(features, Sequence):
        _validation.fail("encoder_features", rule, features)
    found = []
    for layer in features:
        try:
            found.append(feature(backbone, layer))
        except (ValueError, IndexError, TypeError) as error:
            names = [layer.name for layer in backbone.layers]
            message = f"`encoder_features` {rule}. Received: {layer!r}. {_validation.nearest(layer, names)}"
            raise _validation.InputError(message) from error
    return found


def check_skip(x, skip, backbone: keras.Model) -> None:
    """Fail where the map `x`, doubled, has another size than the `skip` that it is to be joined with."""
    sizes = zip(x.shape[1:3], skip.shape[1:3], strict=True)
    if all(None in (side, other) or 2 * side == other for side, other in sizes):
        return
    height, width, channels = backbone.input.shape[1:]
    padded = tuple(side and -(-side // 32) * 32 for side in (height, width))
    if padded != (height, width):
        rule = "must have a height and a width that are multiples of 32, or None"
        fix = f"For example ({padded[0]}, {padded[1]}, {channels})."
        _validation.fail("input_shape", rule, (height, width, channels), fix)
    rule = "must be layers whose maps double their size from one to the next, beginning at the backbone's last map"
    _validation.fail("encoder_features", rule, f"a map of {skip.shape[1:3]} for one of {x.shape[1:3]}")


def decoder_block_of(decoder_block_type: str, upsampling, transpose):
    """The block of a decoder by its name."""
    blocks = {"upsampling": upsampling, "transpose": transpose}
    return blocks[_validation.one_of("decoder_block_type", decoder_block_type, blocks)]


def classes_of(x, classes: int, *, name: str | None):
    """The layer of the classes."""
    return layers.Conv2D(classes, 3, padding="same", name=name)(x)
