"""The PSPNet of segmentation_models 1.0.1."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg.compat.segmentation_models import _blocks
from keras_seg.compat.segmentation_models._backbones import get_backbone, get_feature_layers
from keras_seg.compat.segmentation_models._features import feature
from keras_seg.compat.segmentation_models._model import finished

_LEVELS = (1, 2, 3, 6)


def PSPNet(
    backbone_name: str = "vgg16",
    input_shape: tuple[int, int, int] = (384, 384, 3),
    classes: int = 21,
    activation: str = "softmax",
    weights: PathLike | None = None,
    encoder_weights: str | None = "imagenet",
    encoder_freeze: bool = False,
    downsample_factor: int = 8,
    psp_conv_filters: int = 512,
    psp_pooling_type: str = "avg",
    psp_use_batchnorm: bool = True,
    psp_dropout: float | None = None,
) -> keras.Model:
    """A pyramid scene parsing network as segmentation_models 1.0.1 builds it, with the same layers, names and weights.

    Args:
        backbone_name, weights, encoder_weights, encoder_freeze: as of `Unet`.
        input_shape: (height, width, channels). Multiples of 6 * downsample_factor. Defaults to (384, 384, 3).
        classes: int. Channels of the output. Defaults to 21.
        activation: str. Of the output. Defaults to "softmax".
        downsample_factor: int. 4, 8 or 16, the depth of the backbone. Defaults to 8.
        psp_conv_filters: int. Per level of the pyramid. Defaults to 512.
        psp_pooling_type: str. "avg" or "max". Defaults to "avg".
        psp_use_batchnorm: bool. Defaults to True.
        psp_dropout: float in (0, 1), or None. Rate of the spatial dropout. Defaults to None.

    Returns:
        A keras.Model, as of `Unet`.

    Raises:
        InputError: as of `Unet`, or the size is no multiple as above.

    Examples:
        >>> import keras_seg.compat.segmentation_models as sm
        >>> sm.PSPNet("resnet18", (96, 96, 3), encoder_weights=None).output_shape
        (None, 96, 96, 21)
    """
    _validation.one_of("downsample_factor", downsample_factor, (4, 8, 16))
    _validation.one_of("psp_pooling_type", psp_pooling_type, ("avg", "max"))
    _check_size(input_shape, 6 * downsample_factor)
    backbone = get_backbone(backbone_name, input_shape, encoder_weights)
    features = get_feature_layers(backbone_name, 3)
    x = feature(backbone, features[(16, 8, 4).index(downsample_factor)])
    norm = psp_use_batchnorm
    pooling = layers.MaxPooling2D if psp_pooling_type == "max" else layers.AveragePooling2D
    context = [_pooled(x, level, psp_conv_filters, pooling=pooling, use_batchnorm=norm) for level in _LEVELS]
    x = layers.Concatenate(name="psp_concat")([x, *context])
    x = _blocks.conv_bn_relu(x, psp_conv_filters, 1, name="aggregation", use_batchnorm=norm)
    if psp_dropout is not None:
        x = layers.SpatialDropout2D(psp_dropout, name="spatial_dropout")(x)
    x = _blocks.classes_of(x, classes, name="final_conv")
    x = layers.UpSampling2D(downsample_factor, interpolation="bilinear", name="final_upsampling")(x)
    return finished(backbone, x, activation, encoder_freeze=encoder_freeze, weights=weights)


def _pooled(x, level: int, filters: int, *, pooling: type, use_batchnorm: bool):
    """The average or maximum of level x level fields, enlarged to the size of `x`."""
    field = (x.shape[1] // level, x.shape[2] // level)
    x = pooling(field, strides=field, padding="same", name=f"psp_level{level}_pooling")(x)
    x = _blocks.conv_bn_relu(x, filters, 1, name=f"psp_level{level}", use_batchnorm=use_batchnorm)
    return layers.UpSampling2D(field, interpolation="bilinear", name=f"psp_level{level}_upsampling")(x)


def _check_size(input_shape: tuple, multiple: int) -> None:
    sides = input_shape[:2] if isinstance(input_shape, (tuple, list)) else ()
    if len(sides) != 2 or any(not isinstance(side, int) or side < multiple or side % multiple for side in sides):
        rule = f"must have a height and a width that are multiples of {multiple} (6 * downsample_factor)"
        _validation.fail("input_shape", rule, input_shape, f"For example ({8 * multiple}, {8 * multiple}, 3).")
