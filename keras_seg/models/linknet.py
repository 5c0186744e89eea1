"""LinkNet: a thin decoder that adds the encoder's maps instead of joining them."""

from keras import layers

from keras_seg import _validation
from keras_seg.layers import UpsampleConv
from keras_seg.models.parts.blocks import conv_block
from keras_seg.models.parts.encoder_decoder import check_joinable, model_on_backbone


def LinkNet(
    num_classes,
    *,
    input_shape=(None, None, 3),
    backbone="MobileNetV2",
    weights=None,
    backbone_trainable=True,
    final_filters=32,
    dropout=0.0,
    activation="softmax",
    include_preprocessing=True,
    name="linknet",
):
    """LinkNet on any backbone: each stage doubles the map in a bottleneck and adds the encoder's map.

    A stage narrows to a quarter of the channels, doubles the map with a 3x3 convolution, and widens to the channels of
    the encoder's map, to which it is added. The classes are decided at full resolution.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        backbone: a name of `keras_seg.backbones.names()`, or a `keras.Model`. Defaults to "MobileNetV2".
        weights: of the backbone: None, `"imagenet"`, or the path of a weights file. Defaults to None.
        backbone_trainable: bool. False freezes the backbone's weights and its BatchNormalization statistics; `unfreeze`
            undoes it. Defaults to True.
        final_filters: int, of the last stage, at full resolution. Defaults to 32.
        dropout: float in [0, 1), before the classes. Defaults to 0.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside. Defaults to True.
        name: str. Defaults to "linknet".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` of any size to `(batch, height, width,
        num_classes)`, float32.

    Raises:
        ValueError: if an argument is not as above, the backbone is unknown, or the weights cannot be had.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.LinkNet(num_classes=11, backbone="Compact")
        >>> model.output_shape
        (None, None, None, 11)

    Reference: Chaurasia and Culurciello, "LinkNet: Exploiting Encoder Representations for Efficient Semantic
        Segmentation", VCIP 2017, section III and figures 1 and 3. Ours doubles by `UpsampleConv` where theirs has
        transposed convolutions, and links the map of stride 2 as well where the backbone has one.
    """
    final_filters = _validation.integer("final_filters", final_filters)
    dropout = _validation.number("dropout", dropout, 0, 0.999)

    def decode(levels):
        check_joinable(sorted(levels))
        stride = max(levels)
        x = levels[stride]
        while stride > 2:
            stride //= 2
            skip = levels.get(stride)
            x = _stage(x, max(1, x.shape[-1] // 2) if skip is None else skip.shape[-1], f"decoder{stride}")
            if skip is not None:
                x = layers.Add(name=f"decoder{stride}_add")([x, skip])
        x = UpsampleConv(final_filters, name="final_up")(x)
        x = conv_block(x, final_filters, "final")
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        return x, 1

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


def _stage(x, filters, name):
    narrow = max(1, x.shape[-1] // 4)
    x = conv_block(x, narrow, f"{name}_narrow", kernel_size=1)
    x = UpsampleConv(narrow, name=f"{name}_up")(x)
    return conv_block(x, filters, f"{name}_widen", kernel_size=1)
