"""The FPN of segmentation_models 1.0.1."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg.compat.segmentation_models import _blocks
from keras_seg.compat.segmentation_models._backbones import get_backbone
from keras_seg.compat.segmentation_models._model import finished

_LEVELS = (5, 4, 3, 2)


def FPN(
    backbone_name: str = "vgg16",
    input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    classes: int = 21,
    activation: str = "softmax",
    weights: PathLike | None = None,
    encoder_weights: str | None = "imagenet",
    encoder_freeze: bool = False,
    encoder_features: str | Sequence[str | int] = "default",
    pyramid_block_filters: int = 256,
    pyramid_use_batchnorm: bool = True,
    pyramid_aggregation: str = "concat",
    pyramid_dropout: float | None = None,
) -> keras.Model:
    """A feature pyramid network as segmentation_models 1.0.1 builds it, with the same layers, names and weights.

    Args:
        backbone_name, input_shape, weights, encoder_weights, encoder_freeze, encoder_features: as of `Unet`.
        classes: int. Channels of the output. Defaults to 21.
        activation: str. Of the output. Defaults to "softmax".
        pyramid_block_filters: int. Filters of the pyramid; the blocks behind it have half as many. Defaults to 256.
        pyramid_use_batchnorm: bool. Defaults to True.
        pyramid_aggregation: str. "concat" or "sum". Defaults to "concat".
        pyramid_dropout: float in (0, 1), or None. Rate of the spatial dropout. Defaults to None.

    Returns:
        A keras.Model, as of `Unet`.

    Raises:
        InputError: as of `Unet`.

    Examples:
        >>> import keras_seg.compat.segmentation_models as sm
        >>> sm.FPN("resnet18", encoder_weights=None).output_shape
        (None, None, None, 21)
    """
    _validation.one_of("pyramid_aggregation", pyramid_aggregation, ("concat", "sum"))
    backbone = get_backbone(backbone_name, input_shape, encoder_weights)
    skips = _blocks.skips_of(backbone, backbone_name, encoder_features)
    if len(skips) < len(_LEVELS):
        _validation.fail("encoder_features", f"must hold {len(_LEVELS)} layers for an FPN", encoder_features)
    filters, norm = pyramid_block_filters // 2, pyramid_use_batchnorm
    x, pyramid = backbone.output, []
    # Further skips have no effect, as there.
    for level, skip in zip(_LEVELS, skips, strict=False):
        _blocks.check_skip(x, skip, backbone)
        x = _lateral(x, skip, pyramid_block_filters, level)
        pyramid.append(x)
    heads = []
    for level, x in zip(_LEVELS, pyramid, strict=True):
        for part in "ab":
            x = _blocks.conv_bn_relu(x, filters, 3, name=f"segm_stage{level}{part}", use_batchnorm=norm)
        if level > 2:
            x = layers.UpSampling2D(2 ** (level - 2), name=f"upsampling_stage{level}")(x)
        heads.insert(0, x)
    if pyramid_aggregation == "sum":
        x = layers.Add(name="aggregation_sum")(heads)
    else:
        x = layers.Concatenate(name="aggregation_concat")(heads)
    if pyramid_dropout:
        x = layers.SpatialDropout2D(pyramid_dropout, name="pyramid_dropout")(x)
    x = _blocks.conv_bn_relu(x, filters, 3, name="final_stage", use_batchnorm=norm)
    x = layers.UpSampling2D(2, interpolation="bilinear", name="final_upsampling")(x)
    x = _blocks.classes_of(x, classes, name="head_conv")
    return finished(backbone, x, activation, encoder_freeze=encoder_freeze, weights=weights)


def _lateral(x, skip, filters: int, level: int):
    name = f"fpn_stage_p{level}"
    if x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, kernel_initializer="he_uniform", name=f"{name}_pre_conv")(x)
    skip = layers.Conv2D(filters, 1, kernel_initializer="he_uniform", name=f"{name}_conv")(skip)
    x = layers.UpSampling2D(2, name=f"{name}_upsampling")(x)
    return layers.Add(name=f"{name}_add")([x, skip])
