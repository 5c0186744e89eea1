"""DeepLabv3+: context at several dilation rates, sharpened by one early map."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.layers import Resize2D
from keras_seg.models.parts.blocks import atrous_pooling, conv_block, conv_blocks, scaled_rates
from keras_seg.models.parts.encoder_decoder import BackboneChoice, backbone_encoder, cropped_model, padded, strides_from
from keras_seg.models.parts.image_model import check_common, check_dropout


def DeepLabV3Plus(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model = "MobileNetV2", weights: Weights = None, backbone_trainable: bool = True,
    output_stride: int = 16, rates: Sequence[int] | None = None, aspp_filters: int = 256, low_level_filters: int = 48,
    dropout: float = 0.1,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, name: str = "deeplabv3plus",
) -> keras.Model:  # fmt: skip
    """Atrous spatial pyramid pooling on a deep map of any backbone, and a decoder with a map of stride 4.

    The deep map is read by a 1x1 convolution, by 3x3 convolutions dilated at several rates, and as a whole; joined,
    enlarged and put beside a narrow early map, it decides at a quarter of the resolution.

    Args:
        output_stride: int. Where the backbone stops compressing: its later stages are dilated instead, by
            `keras_seg.surgery.dilate`, and keep their weights. 32, or the stride of the backbone's deepest map, leaves
            it unchanged; 8 is finer and four times the work. Defaults to the paper's 16.
        rates: sequence of ints or None. The dilations. Defaults to the paper's 6, 12, 18 at stride 16, and elsewhere to
            rates that reach as many pixels of the image: 12, 24, 36 at 8, as in the paper, and 3, 6, 9 at 32.
        aspp_filters: int. Of the pooling and the decoder. Defaults to 256.
        low_level_filters: int. To which the early map is narrowed. Defaults to 48.
        dropout: float. In [0, 1), after the pooling. Defaults to 0.1.

    Other arguments, result and errors: see `UNet`; `backbone` cannot be None here.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DeepLabV3Plus(num_classes=11, backbone="Compact", aspp_filters=64)
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Chen, Zhu, Papandreou, Schroff and Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic
        Image Segmentation", ECCV 2018, sections 3.1 and 3.2 and figure 2. Ours has full convolutions where theirs are
        separable, and does not normalize the average of the whole image: that of a single one has no variance.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    rates = None if rates is None else _validation.integers("rates", rates)
    aspp_filters = _validation.integer("aspp_filters", aspp_filters)
    low_level_filters = _validation.integer("low_level_filters", low_level_filters)
    dropout = check_dropout(dropout)

    # Encoder
    choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
    encoder = backbone_encoder(choice, input_shape, output_stride=output_stride)
    fine = strides_from(4, encoder)[0]
    if output_stride == fine:
        _validation.fail("output_stride", "must be that of a map deeper than the early one, of stride 4", output_stride)
    image = keras.Input(input_shape, name="image")
    pyramid = encoder(padded(image, output_stride, encoder=encoder))

    # Decoder
    x = atrous_pooling(pyramid[level_of(output_stride)], scaled_rates(rates, output_stride), aspp_filters)
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    x = Resize2D(output_stride // fine, interpolation="bilinear", name="decoder_up")(x)
    low = conv_block(pyramid[level_of(fine)], low_level_filters, "low_level", kernel_size=1)
    x = layers.Concatenate(name="decoder_join")([x, low])
    x = conv_blocks(x, aspp_filters, 2, name="decoder")

    # Head
    return cropped_model(image, x, num_classes, activation, scale=fine, name=name)
