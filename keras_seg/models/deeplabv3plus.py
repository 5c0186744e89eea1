"""DeepLabv3+: context at several rates, sharpened by one early map."""

from keras import layers

from keras_seg import _validation
from keras_seg.layers import Resize2D
from keras_seg.models.parts.blocks import conv_block, conv_blocks, region_features
from keras_seg.models.parts.encoder_decoder import finest_from, model_on_backbone


def DeepLabV3Plus(
    num_classes,
    *,
    input_shape=(None, None, 3),
    backbone="MobileNetV2",
    weights=None,
    backbone_trainable=True,
    output_stride=16,
    rates=None,
    filters=256,
    low_level_filters=48,
    dropout=0.1,
    activation="softmax",
    include_preprocessing=True,
    name="deeplabv3plus",
):
    """Atrous spatial pyramid pooling on a deep map of any backbone, and a decoder with a map of stride 4.

    The deep map is read by a 1x1 convolution, by 3x3 convolutions dilated at several rates, and as a whole; joined,
    enlarged and put beside a narrow early map, it decides at a quarter of the resolution.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        backbone: a name of `keras_seg.backbones.names()`, or a `keras.Model`. Defaults to "MobileNetV2".
        weights: of the backbone: None, `"imagenet"`, or the path of a weights file. Defaults to None.
        backbone_trainable: bool. False freezes the backbone's weights and its BatchNormalization statistics; `unfreeze`
            undoes it. Defaults to True.
        output_stride: int. Where the backbone stops compressing: its later stages are dilated instead, by
            `keras_seg.surgery.dilate`, and keep their weights. 32, or what the backbone's deepest map has, leaves it as
            it is; 8 is finer and four times the work. Defaults to the paper's 16.
        rates: sequence of ints or None. The dilations. Defaults to the paper's 6, 12, 18 at stride 16, and to what
            reaches as many pixels of the image at others: 12, 24, 36 at 8, as in the paper, and 3, 6, 9 at 32.
        filters: int, of the pooling and the decoder. Defaults to 256.
        low_level_filters: int, to which the early map is narrowed. Defaults to 48.
        dropout: float in [0, 1), after the pooling. Defaults to 0.1.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside. Defaults to True.
        name: str. Defaults to "deeplabv3plus".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` of any size to `(batch, height, width,
        num_classes)`, float32.

    Raises:
        ValueError: if an argument is not as above, the backbone is unknown or has no map of that stride, or the
            weights cannot be had.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DeepLabV3Plus(num_classes=11, backbone="Compact", filters=64)
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Chen, Zhu, Papandreou, Schroff and Adam, "Encoder-Decoder with Atrous Separable Convolution for Semantic
        Image Segmentation", ECCV 2018, sections 3.1 and 3.2 and figure 2. Ours has whole where they have separable
        convolutions.
    """
    rates = None if rates is None else _validation.integers("rates", rates)
    filters = _validation.integer("filters", filters)
    low_level_filters = _validation.integer("low_level_filters", low_level_filters)
    dropout = _validation.number("dropout", dropout, 0, 0.999)

    def decode(levels):
        stride, fine = max(levels), finest_from(4, levels)[0]
        if stride == fine:
            _validation.fail("output_stride", "must be that of a map deeper than the early one, of stride 4", stride)
        x = _atrous_pooling(levels[stride], rates or [max(1, rate * 16 // stride) for rate in (6, 12, 18)], filters)
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        x = Resize2D(stride // fine, interpolation="bilinear", name="decoder_up")(x)
        low = conv_block(levels[fine], low_level_filters, "low_level", kernel_size=1)
        x = layers.Concatenate(name="decoder_join")([x, low])
        return conv_blocks(x, filters, 2, name="decoder"), fine

    return model_on_backbone(
        decode,
        num_classes,
        input_shape,
        backbone=backbone,
        weights=weights,
        backbone_trainable=backbone_trainable,
        activation=activation,
        include_preprocessing=include_preprocessing,
        name=name,
        output_stride=output_stride,
    )


def _atrous_pooling(x, rates, filters):
    branches = [conv_block(x, filters, "aspp_pixel", kernel_size=1)]
    branches += [conv_block(x, filters, f"aspp_rate{index}", dilation_rate=r) for index, r in enumerate(rates, start=1)]
    branches.append(region_features(x, 1, filters, "aspp_image"))
    return conv_block(layers.Concatenate(name="aspp_join")(branches), filters, "aspp", kernel_size=1)
