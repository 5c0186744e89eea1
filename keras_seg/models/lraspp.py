"""LR-ASPP: the smallest head there is, for phones."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones import mobilenet_v3
from keras_seg.backbones.ported import variant_of
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import ResizeLike
from keras_seg.layers.upsample_conv import TORCH_EPSILON
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import (
    BackboneChoice,
    backbone_encoder,
    strides_from,
    torch_padded,
    torch_resized_model,
    with_map,
)
from keras_seg.models.parts.image_model import check_common, check_dropout


def LRASPP(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MobileNetV3LargeTorchvision", weights: Weights = None,
    backbone_trainable: bool = True,
    output_stride: int = 16, dilate_strided: bool | None = None, filters: int = 128, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "lraspp",
) -> keras.Model:  # fmt: skip
    """One convolution on the deepest map, weighted by the image's average, and the classes, sharpened by an early map.

    Of the spatial pyramid only two branches remain: every pixel, and the whole image, which decides how much each
    channel counts. The classes of this map, enlarged to stride 8, are added to classes decided by the map there. It is
    the lite net of torchvision's published weights, which `keras_seg.models.convert` takes.

    Backbones in PyTorch's form take images as they are, and their maps round up at odd sizes, as published. For others
    the image is reflected up to a multiple of the stride, as in `UNet`.

    Args:
        output_stride: int. As in `DeepLabV3Plus`; deeper than the early map's 8. Defaults to 16, as published.
        dilate_strided: bool or None. As in `DeepLabV3`. Defaults to None, as torchvision has it.
        filters: int. Of the convolution. Defaults to 128.
        dropout: float. In [0, 1), before the classes. Defaults to 0.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.LRASPP(num_classes=21)
        >>> sum(int(weight.numpy().size) for weight in model.trainable_weights)
        3221538

    Reference: Howard et al., "Searching for MobileNetV3", ICCV 2019, section 6.4 and figure 10. As in torchvision, the
        average is that of the whole image.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters = _validation.integer("filters", filters)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder = backbone_encoder(choice, input_shape, output_stride=output_stride, dilate_strided=dilate_strided)
    fine = strides_from(8, encoder)[0]
    if output_stride <= fine:
        rule = f"must be that of a map deeper than the early one, of stride {fine}"
        _validation.fail("output_stride", rule, output_stride)
    encoder = _with_early_map(encoder, fine)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(torch_padded(image, encoder, output_stride))
    early, deep = pyramid[level_of(fine)], pyramid[level_of(output_stride)]

    # Decoder
    x = conv_block(deep, filters, "deep", kernel_size=1, epsilon=TORCH_EPSILON)
    x = layers.Multiply(name="weighted")([x, _weights(deep, filters)])
    x = ResizeLike(name="deep_up")([x, early])

    # Head
    scores = []
    for features, part in ((x, "deep"), (early, "early")):
        if dropout:
            features = layers.Dropout(dropout, name=f"{part}_dropout")(features)
        scores.append(layers.Conv2D(num_classes, 1, name=f"{part}_logits")(features))
    x = layers.Add(name="logits")(scores)
    return torch_resized_model(image, x, activation, encoder, scale=fine, name=name)


def _with_early_map(encoder: keras.Model, fine: int) -> keras.Model:
    """`encoder` with the early map of MobileNetV3 as published; others keep theirs."""
    variant = variant_of(encoder)
    if variant not in mobilenet_v3.VARIANTS:
        return encoder
    return with_map(encoder, level_of(fine), mobilenet_v3.early_map(variant, encoder))


def _weights(x: Tensor, filters: int) -> Tensor:
    """How much each of `filters` channels counts in this image."""
    x = layers.GlobalAveragePooling2D(keepdims=True, name="average")(x)
    return layers.Conv2D(filters, 1, use_bias=False, activation="sigmoid", name="average_conv")(x)
