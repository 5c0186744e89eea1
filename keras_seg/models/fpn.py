"""Feature pyramid network for segmentation: every level speaks, at a quarter of the resolution."""

from keras import layers

from keras_seg import _validation
from keras_seg.layers import Resize2D
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import check_joinable, finest_from, model_on_backbone


def FPN(
    num_classes,
    *,
    input_shape=(None, None, 3),
    backbone="MobileNetV2",
    weights=None,
    backbone_trainable=True,
    pyramid_filters=256,
    segmentation_filters=128,
    dropout=0.0,
    activation="softmax",
    include_preprocessing=True,
    name="fpn",
):
    """A feature pyramid with the semantic branch of Panoptic FPN, on any backbone.

    From the deepest map upwards, each level's 1x1 convolution is added to the doubled map below it. Each map of that
    pyramid is then convolved and doubled until it is four times smaller than the image; their sum decides.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        backbone: a name of `keras_seg.backbones.names()`, or a `keras.Model`. Defaults to "MobileNetV2".
        weights: of the backbone: None, `"imagenet"`, or the path of a weights file. Defaults to None.
        backbone_trainable: bool. False freezes the backbone's weights and its BatchNormalization statistics; `unfreeze`
            undoes it. Defaults to True.
        pyramid_filters: int, of the pyramid's maps. Defaults to 256.
        segmentation_filters: int, of the branch that decides. Defaults to 128.
        dropout: float in [0, 1), on the sum. Defaults to 0.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside. Defaults to True.
        name: str. Defaults to "fpn".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` of any size to `(batch, height, width,
        num_classes)`, float32.

    Raises:
        ValueError: if an argument is not as above, the backbone is unknown, or the weights cannot be had.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FPN(num_classes=11, backbone="Compact", pyramid_filters=64, segmentation_filters=32)
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Kirillov, Girshick, He and Dollar, "Panoptic Feature Pyramid Networks", CVPR 2019, section 3.1 and figure
        3, on Lin et al., "Feature Pyramid Networks for Object Detection", CVPR 2017, section 3. Ours has
        BatchNormalization where they have GroupNormalization, and the branch's first convolution in place of one more
        after each sum.
    """
    pyramid_filters = _validation.integer("pyramid_filters", pyramid_filters)
    segmentation_filters = _validation.integer("segmentation_filters", segmentation_filters)
    dropout = _validation.number("dropout", dropout, 0, 0.999)

    def decode(levels):
        strides = finest_from(4, levels)
        check_joinable(strides)
        maps = []
        x, above = None, None
        for stride in reversed(strides):
            lateral = layers.Conv2D(pyramid_filters, 1, name=f"lateral{stride}")(levels[stride])
            if x is None:
                x = lateral
            else:
                x = Resize2D(above // stride, interpolation="nearest", name=f"topdown{stride}")(x)
                x = layers.Add(name=f"merge{stride}")([lateral, x])
            maps.append(_branch(x, stride, stride // strides[0], segmentation_filters))
            above = stride
        x = layers.Add(name="sum")(maps) if len(maps) > 1 else maps[0]
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        return x, strides[0]

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
    )


def _branch(x, stride, scale, filters):
    """Convolutions and doublings from a map of `stride` up by `scale`; at least one convolution."""
    for step in range(1, max(1, scale.bit_length() - 1) + 1):
        x = conv_block(x, filters, f"segment{stride}_{step}")
        if scale > 1:
            x = Resize2D(2, interpolation="bilinear", name=f"segment{stride}_up{step}")(x)
    return x
