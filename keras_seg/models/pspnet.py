"""Pyramid scene parsing: what the whole image is about, told to every pixel."""

from keras import layers

from keras_seg import _validation
from keras_seg.models.parts.blocks import conv_block, region_features
from keras_seg.models.parts.encoder_decoder import model_on_backbone


def PSPNet(
    num_classes,
    *,
    input_shape=(None, None, 3),
    backbone="MobileNetV2",
    weights=None,
    backbone_trainable=True,
    output_stride=8,
    bins=(1, 2, 3, 6),
    filters=512,
    dropout=0.1,
    activation="softmax",
    include_preprocessing=True,
    name="pspnet",
):
    """Pyramid pooling on one map of any backbone.

    The map is averaged over the whole image and over grids of 2x2, 3x3 and 6x6 regions; each is convolved, enlarged and
    joined to the map, so that a pixel is decided in the light of the scene.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        backbone: a name of `keras_seg.backbones.names()`, or a `keras.Model`. Defaults to "MobileNetV2".
        weights: of the backbone: None, `"imagenet"`, or the path of a weights file. Defaults to None.
        backbone_trainable: bool. False freezes the backbone's weights and its BatchNormalization statistics; `unfreeze`
            undoes it. Defaults to True.
        output_stride: int. Where the backbone stops compressing: its later stages are dilated instead, by
            `keras_seg.surgery.dilate`, and keep their weights. 32, or what the backbone's deepest map has, leaves it as
            it is, at a sixteenth of the computations there. Defaults to the paper's 8.
        bins: sequence of ints, regions a side. Defaults to (1, 2, 3, 6).
        filters: int, of the convolution over the joined maps. Defaults to 512.
        dropout: float in [0, 1), before the classes. Defaults to 0.1, as in the paper's code.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside. Defaults to True.
        name: str. Defaults to "pspnet".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` of any size to `(batch, height, width,
        num_classes)`, float32.

    Raises:
        ValueError: if an argument is not as above, the backbone is unknown or has no map of that stride, or the
            weights cannot be had.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.PSPNet(num_classes=11, backbone="Compact", filters=64)
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Zhao, Shi, Qi, Wang and Jia, "Pyramid Scene Parsing Network", CVPR 2017, section 3.2 and figure 3.
        Without the auxiliary loss of section 3.3.
    """
    output_stride = _validation.integer("output_stride", output_stride)
    bins = _validation.integers("bins", bins)
    filters = _validation.integer("filters", filters)
    dropout = _validation.number("dropout", dropout, 0, 0.999)

    def decode(levels):
        x = levels[output_stride]
        joined = [x, *(region_features(x, size, max(1, x.shape[-1] // len(bins)), f"pyramid{size}") for size in bins)]
        x = layers.Concatenate(name="pyramid_join")(joined)
        x = conv_block(x, filters, "bottleneck")
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        return x, output_stride

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
