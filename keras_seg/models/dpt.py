"""DPT: maps of a plain vision transformer made into a pyramid, fused from coarse to fine."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.plain_vit import patch_stride, with_readout
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import Resize2D
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import BackboneChoice, cropped_model, joinable_encoder, padded
from keras_seg.models.parts.image_model import check_common, check_dropout

_STAGE_FILTERS = (256, 512, 1024, 1024)


def DPT(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MobileNetV2", weights: Weights = None, backbone_trainable: bool = True,
    stage_filters: Sequence[int] = _STAGE_FILTERS, filters: int = 256, dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "dpt",
) -> keras.Model:  # fmt: skip
    """A convolutional decoder for plain vision transformers, whose maps all have one stride.

    Four maps, taken at evenly spaced depths, are resized by learned convolutions to strides 4, 8, 16 and 32 and fused
    from the coarsest to the finest by residual blocks. Each patch of a transformer is joined with the class token,
    which has seen the whole image. The maps of other backbones have these strides already.

    It is the net of segmentation_models_pytorch. Images are reflected up to a multiple of 32.

    Args:
        backbone: str or keras.Model. Made for plain vision transformers: `"hub:PRESET"`, or a ViT, DINOv2 or DINOv3 of
            keras-hub. Any other backbone of `UNet` works too.
        stage_filters: sequence of ints. The channels in which each map is resized, the finest first: one for each map
            of stride 4 and more. Defaults to (256, 512, 1024, 1024).
        filters: int. Of the decoder. Defaults to 256.
        dropout: float. In [0, 1), before the classes. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DPT(num_classes=3, backbone="Compact", stage_filters=(16, 16, 16, 16), filters=16)
        >>> model.output_shape
        (None, None, None, 3)

    Reference: Ranftl, Bochkovskiy and Koltun, "Vision Transformers for Dense Prediction", ICCV 2021, section 3 and
        figure 1.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    stage_filters = _validation.integers("stage_filters", stage_filters)
    filters = _validation.integer("filters", filters)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder, strides = joinable_encoder(choice, input_shape, finest=4)
    if len(stage_filters) != len(strides):
        rule = f"must hold one number for each of the backbone's {len(strides)} maps of stride 4 and more"
        _validation.fail("stage_filters", rule, stage_filters)
    found, joined, patch = strides, False, patch_stride(encoder)
    if patch is not None:
        found = [patch] * len(strides)
        encoder, joined = with_readout(encoder)
        if not backbone_trainable:
            encoder.trainable = False
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(padded(image, strides[-1]))

    # Decoder
    finer, deeper = [strides[0] // 2, *strides], None
    for number in range(len(strides), 0, -1):
        x, stage = pyramid[level_of(strides[number - 1])], f"stage{number}"
        if joined:
            x = layers.Conv2D(x.shape[-1] // 2, 1, activation="gelu", name=f"{stage}_readout")(x)
        x = _reassembled(x, stage, stage_filters[number - 1], stride=found[number - 1], wanted=strides[number - 1])
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False, name=f"{stage}_features")(x)
        x = _residual_unit(x, f"fusion{number}_unit1")
        if deeper is not None:
            x = layers.Add(name=f"fusion{number}_add")([x, deeper])
        x = _residual_unit(x, f"fusion{number}_unit2")
        x = Resize2D(finer[number] // finer[number - 1], align_corners=True, name=f"fusion{number}_up")(x)
        deeper = layers.Conv2D(filters, 1, name=f"fusion{number}_project")(x)

    # Head
    x = conv_block(deeper, filters, "head", epsilon=TORCH_EPSILON)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    return cropped_model(image, x, num_classes, activation, scale=finer[0], name=name)


def _reassembled(x: Tensor, name: str, width: int, *, stride: int, wanted: int) -> Tensor:
    """A map projected to `width` channels and resized from its `stride` to the one `wanted`."""
    x = layers.Conv2D(width, 1, name=f"{name}_project")(x)
    if wanted < stride:
        factor = stride // wanted
        return layers.Conv2DTranspose(width, factor, strides=factor, name=f"{name}_resize")(x)
    if wanted > stride:
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
        return layers.Conv2D(width, 3, strides=wanted // stride, name=f"{name}_resize")(x)
    return x


def _residual_unit(x: Tensor, name: str) -> Tensor:
    """Two convolutions, each behind a ReLU, and the map itself added."""
    shortcut, filters = x, x.shape[-1]
    x = layers.ReLU(name=f"{name}_relu")(x)
    x = conv_block(x, filters, f"{name}_1", epsilon=TORCH_EPSILON)
    x = conv_block(x, filters, f"{name}_2", activation=None, epsilon=TORCH_EPSILON)
    return layers.Add(name=f"{name}_add")([x, shortcut])
