"""LinkNet: a thin decoder that adds the encoder's maps instead of joining them."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import UpsampleConv
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import BackboneChoice, cropped_model, padded_pyramid
from keras_seg.models.parts.image_model import check_common, check_dropout


def LinkNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MobileNetV2", weights: Weights = None, backbone_trainable: bool = True,
    final_filters: int = 32, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "linknet",
) -> keras.Model:  # fmt: skip
    """LinkNet on any backbone: each stage doubles the map in a bottleneck and adds the encoder's map.

    A stage narrows to a quarter of the channels, doubles the map with a 3x3 convolution, and widens to the channels of
    the encoder's map, to which it is added. The classes are decided at full resolution.

    Args:
        final_filters: int. Of the last stage, at full resolution. Defaults to 32.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.LinkNet(num_classes=11, backbone="Compact")
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Chaurasia and Culurciello, "LinkNet: Exploiting Encoder Representations for Efficient Semantic
        Segmentation", VCIP 2017, section III and figures 1 and 3. Ours doubles by `UpsampleConv` where theirs has
        transposed convolutions, of which the last decides the classes, and links the map of stride 2 as well where the
        backbone has one.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    final_filters = _validation.integer("final_filters", final_filters)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    image, pyramid, strides = padded_pyramid(choice, input_shape)

    # Decoder
    stride = strides[-1]
    x = pyramid[level_of(stride)]
    while stride > 2:
        stride //= 2
        skip = pyramid.get(level_of(stride))
        x = _stage(x, max(1, x.shape[-1] // 2) if skip is None else skip.shape[-1], f"decoder{stride}")
        if skip is not None:
            x = layers.Add(name=f"decoder{stride}_add")([x, skip])
    x = UpsampleConv(final_filters, name="final_up")(x)
    x = conv_block(x, final_filters, "final")
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)

    # Head
    return cropped_model(image, x, num_classes, activation, name=name)


def _stage(x: Tensor, filters: int, name: str) -> Tensor:
    narrow = max(1, x.shape[-1] // 4)
    x = conv_block(x, narrow, f"{name}_narrow", kernel_size=1)
    x = UpsampleConv(narrow, name=f"{name}_up")(x)
    return conv_block(x, filters, f"{name}_widen", kernel_size=1)
