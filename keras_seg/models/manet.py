"""MA-Net: a U-Net whose deepest map attends to itself, and whose skips decide which channels count."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.channel_gate import channel_gate
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers.attention2d import JointAttention2D
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block, decoder_stage
from keras_seg.models.parts.decoder_filters import decoder_stages, decoder_widths
from keras_seg.models.parts.encoder_decoder import BackboneChoice, cropped_model, padded_pyramid
from keras_seg.models.parts.image_model import check_common, check_dropout

# Channels per mixture of channels.
_REDUCTION = 16


def MAnet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "ResNet34", weights: Weights = None, backbone_trainable: bool = True,
    attention_filters: int = 64, decoder_filters: Sequence[int] | None = None, decoder_stride: int = 1,
    interpolation: str = "nearest", normalization: str | None = "batch", dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "manet",
) -> keras.Model:  # fmt: skip
    """A U-Net on any backbone with attention in two places, for organs and lesions that differ much in size.

    A U-Net's deepest map reads as far as its convolutions reach. Here all its positions attend to all others first. On
    the way up, each stage weighs the channels of the deep map by the averages of both maps that it joins, so that what
    is nowhere in the image is kept out of the skip connection's detail.

    It is the net of segmentation_models_pytorch, whose weights `keras_seg.models.convert` takes. Two costs come with
    it. Convolutions at the width of the deep maps make it large on wide backbones: 32 million parameters on ResNet34
    and 147 million on ResNet50Torchvision. And attention takes memory by the square of the number of positions, a
    thousandth of the pixels: 32 MiB for an image of 2048x1024 pixels, 2 GiB for 4096x4096. Where it would exceed the
    machine's memory, it is refused.

    Args:
        attention_filters: int. Channels by which positions are compared. Defaults to 64.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    The decoder's arguments are those of `UNetPlusPlus`, all others, result and errors those of `UNet`; `backbone`
    cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.MAnet(num_classes=21, backbone="ResNet34")
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        31786533

    Reference: Fan, Wang, Li and Wang, "MA-Net: A Multi-Scale Attention Network for Liver and Tumor Segmentation", IEEE
        Access 2020, section III and figures 1 to 3.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    attention_filters = _validation.integer("attention_filters", attention_filters)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    image, pyramid, strides = padded_pyramid(choice, input_shape)
    deepest = strides[-1]
    widths = decoder_widths(decoder_filters, decoder_stages(decoder_stride, deepest))

    # Decoder
    x = _attending(pyramid[level_of(deepest)], attention_filters)
    for stage, width in enumerate(widths, start=1):
        skip = pyramid.get(level_of(deepest >> stage))
        if skip is not None:
            x = _weighed(x, skip, f"decoder{stage}", normalization)
        x = decoder_stage(
            x,
            skip,
            width,
            f"decoder{stage}",
            interpolation=interpolation,
            normalization=normalization,
            epsilon=TORCH_EPSILON,
        )
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    return cropped_model(image, x, num_classes, activation, kernel_size=3, scale=decoder_stride, name=name)


def _attending(x: Tensor, filters: int) -> Tensor:
    """The map plus a mean of all its positions for each, convolved: linear except for the weights of the mean."""
    query, key = (layers.Conv2D(filters, 1, name=f"attention_{part}")(x) for part in ("query", "key"))
    value = layers.Conv2D(x.shape[-1], 3, padding="same", name="attention_value")(x)
    mean = JointAttention2D(name="attention")([query, key, value])
    joined = layers.Add(name="attention_add")([x, mean])
    return layers.Conv2D(x.shape[-1], 3, padding="same", name="attention_out")(joined)


def _weighed(x: Tensor, skip: Tensor, name: str, normalization: str | None) -> Tensor:
    """The deep map with as many channels as the `skip`, each weighed by the averages of both."""
    x = conv_block(x, x.shape[-1], f"{name}_deep", normalization=normalization, epsilon=TORCH_EPSILON)
    channels = skip.shape[-1]
    x = conv_block(x, channels, f"{name}_narrow", kernel_size=1, normalization=normalization, epsilon=TORCH_EPSILON)
    # The original weighs the doubled map, whose averages are these.
    gates = [
        channel_gate(map, max(1, channels // _REDUCTION), f"{name}_{part}_")
        for part, map in (("deep", x), ("skip", skip))
    ]
    return layers.Multiply(name=f"{name}_weighed")([x, layers.Add(name=f"{name}_gates")(gates)])
