"""The LinkNet of segmentation_models 1.0.1."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg.compat.segmentation_models import _blocks
from keras_seg.compat.segmentation_models._model import finished


def Linknet(
    backbone_name: str = "vgg16",
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    classes: int = 1,
    activation: str = "sigmoid",
    weights: PathLike | None = None,
    encoder_weights: str | None = "imagenet",
    encoder_freeze: bool = False,
    encoder_features: str | Sequence[str | int] = "default",
    decoder_block_type: str = "upsampling",
    decoder_filters: Sequence[int | None] = (None, None, None, None, 16),
    decoder_use_batchnorm: bool = True,
) -> keras.Model:
    """A LinkNet as segmentation_models 1.0.1 builds it, with the same layers, names and weights.

    Arguments, result and errors are those of `Unet`, except for `decoder_filters`: a block that adds a skip has as many
    filters as the skip, whatever is given for it.

    Examples:
        >>> import keras_seg.compat.segmentation_models as sm
        >>> sm.Linknet("resnet18", encoder_weights=None).output_shape
        (None, None, None, 1)
    """
    block = _blocks.decoder_block_of(decoder_block_type, _upsampled, _transposed)
    backbone, x, skips = _blocks.decoder_input(
        backbone_name,
        input_shape,
        weights=encoder_weights,
        features=encoder_features,
        use_batchnorm=decoder_use_batchnorm,
    )
    for stage, filters in enumerate(decoder_filters):
        skip = skips[stage] if stage < len(skips) else None
        if skip is not None:
            _blocks.check_skip(x, skip, backbone)
        name = f"decoder_stage{stage}"
        x = _blocks.conv_bn_relu(x, x.shape[-1] // 4, 1, name=f"{name}a", use_batchnorm=decoder_use_batchnorm)
        x = block(x, name=name, use_batchnorm=decoder_use_batchnorm)
        width = filters if skip is None else skip.shape[-1]
        if width is None:
            rule = f"must be an integer for block {stage}, which has no skip"
            _validation.fail("decoder_filters", rule, decoder_filters)
        x = _blocks.conv_bn_relu(x, width, 1, name=f"{name}c", use_batchnorm=decoder_use_batchnorm)
        if skip is not None:
            x = layers.Add(name=f"{name}_add")([x, skip])
    x = _blocks.classes_of(x, classes, name=None)
    return finished(backbone, x, activation, encoder_freeze=encoder_freeze, weights=weights)


def _upsampled(x, *, name: str, use_batchnorm: bool):
    filters = x.shape[-1]
    x = layers.UpSampling2D(2, name=f"{name}_upsampling")(x)
    return _blocks.conv_bn_relu(x, filters, 3, name=f"{name}b", use_batchnorm=use_batchnorm)


def _transposed(x, *, name: str, use_batchnorm: bool):
    return _blocks.transposed_bn_relu(x, x.shape[-1], name=f"{name}b", use_batchnorm=use_batchnorm)
