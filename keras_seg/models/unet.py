"""U-Net: an encoder, and a decoder that takes back the detail through skip connections."""

from keras import layers

from keras_seg import _validation, backbones
from keras_seg.layers import UpsampleConv
from keras_seg.models.parts.blocks import conv_blocks
from keras_seg.models.parts.encoder_decoder import backbone_encoder, check_joinable, segmentation_model
from keras_seg.models.parts.image_model import check_common
from keras_seg.models.unet2015 import unet2015


def UNet(
    num_classes,
    *,
    input_shape=(None, None, 3),
    backbone=None,
    weights=None,
    backbone_trainable=True,
    depth=None,
    filters=64,
    padding="same",
    decoder_filters=None,
    decoder_convolutions=2,
    decoder_stride=1,
    interpolation="nearest",
    normalization="batch",
    dropout=0.0,
    activation="softmax",
    include_preprocessing=True,
    pad_to_stride=True,
    name="unet",
):
    """U-Net, plain or with a backbone.

    Without a backbone it is the form of the paper in its modern dress: two 3x3 convolutions with BatchNormalization a
    level, 2x2 max pooling between levels, and a decoder that doubles the map, joins the skip and convolves
    (`UpsampleConv`). With a backbone, the levels of its pyramid take the encoder's place and the decoder stays what it
    is.

    Args:
        num_classes: int. Channels of the output. Ignored classes beyond the range are not counted.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        backbone: None for the plain U-Net; a name of `keras_seg.backbones.names()`; or a `keras.Model`. Defaults to
            None.
        weights: of the backbone: None, `"imagenet"`, or the path of a weights file. Defaults to None.
        backbone_trainable: bool. False freezes the backbone's weights and its BatchNormalization statistics; `unfreeze`
            undoes it. Defaults to True.
        depth: int or None. Poolings of the plain U-Net. Defaults to 4, or to one less than the number of `filters`.
        filters: int or sequence of ints. Of the plain U-Net's levels: an int is doubled at each level. Defaults to 64.
        padding: `"same"`, or `"valid"` for the net of 2015: no padding, no normalization, 2x2 transposed convolutions,
            and an output 92 pixels smaller on each side (at depth 4: 572 -> 388), for image sizes of 12 modulo 16 from
            188 on. It takes no backbone and no `decoder_` arguments; `interpolation`, `normalization` and
            `pad_to_stride` say nothing there. Defaults to `"same"`.
        decoder_filters: sequence of ints or None. Of the decoder's stages, deepest first. Defaults to the encoder's
            own in the plain U-Net and to (256, 128, 64, 32, 16) with a backbone, as many as there are stages.
        decoder_convolutions: int. 3x3 convolutions a decoder stage, that of `UpsampleConv` included. Defaults to 2.
        decoder_stride: int, a power of two. Where the decoder stops: 1 goes up to every pixel; at 4 the classes are
            decided on a map four times smaller and enlarged bilinearly, which costs a fraction. Defaults to 1.
        interpolation: `"nearest"` or `"bilinear"`, of `UpsampleConv`. Defaults to `"nearest"`, which has a faster form.
        normalization: of `UpsampleConv`: `"batch"`, `"group"`, `"layer"` or None. Defaults to `"batch"`.
        dropout: float in [0, 1). On the deepest map, as at the end of the paper's contracting path. Defaults to 0.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside. Defaults to True.
        pad_to_stride: bool. True takes any size: the image is reflected up to a multiple of the deepest stride and the
            output cropped back. Defaults to True.
        name: str. Defaults to "unet".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32.

    Raises:
        ValueError: if an argument is not as above, the backbone is unknown, the weights cannot be had, or an image size
            does not fit `padding="valid"`; the nearest sizes that do are named.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
        >>> model.output_shape
        (None, None, None, 11)
        >>> ks.models.UNet(num_classes=2, filters=16, depth=3, input_shape=(None, None, 1)).count_params()
        489138
        >>> ks.models.UNet(num_classes=2, filters=4, padding="valid", input_shape=(572, 572, 1)).output_shape
        (None, 388, 388, 2)

    Reference: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI
        2015, section 2 and figure 1. Unless `padding="valid"`, ours pads its convolutions, normalizes, and upsamples by
        resize and convolution.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    dropout = _validation.number("dropout", dropout, 0, 0.999)
    decoder_convolutions = _validation.integer("decoder_convolutions", decoder_convolutions)
    decoder_stride = _validation.integer("decoder_stride", decoder_stride)

    if padding == "valid":
        _check_2015(
            backbone=(backbone, None),
            weights=(weights, None),
            decoder_filters=(decoder_filters, None),
            decoder_convolutions=(decoder_convolutions, 2),
            decoder_stride=(decoder_stride, 1),
        )
        filters = _level_filters(filters, depth)
        return unet2015(
            num_classes,
            input_shape,
            filters,
            dropout=dropout,
            activation=activation,
            include_preprocessing=include_preprocessing,
            name=name,
        )
    _validation.one_of("padding", padding, ("same", "valid"))
    if backbone is None:
        if weights is not None:
            _validation.fail("weights", "must be None for the plain U-Net, which has no pretrained form", weights)
        _validation.boolean("include_preprocessing", include_preprocessing)
        filters = _level_filters(filters, depth)
        strides = [2**level for level in range(len(filters))]

        def encode(x):
            return _plain_encoder(x, filters, include_preprocessing)
    else:
        encode, strides = backbone_encoder(
            backbone, input_shape, weights, trainable=backbone_trainable, include_preprocessing=include_preprocessing
        )
    check_joinable(strides)
    deepest = strides[-1]
    if decoder_stride & (decoder_stride - 1) or decoder_stride >= deepest:
        _validation.fail(
            "decoder_stride", f"must be a power of two below the encoder's stride {deepest}", decoder_stride
        )
    stages = (deepest // decoder_stride).bit_length() - 1
    decoder_filters = _decoder_filters(decoder_filters, stages, filters if backbone is None else None)

    def decode(skips):
        x = skips[deepest]
        if dropout:
            x = layers.Dropout(dropout, name="dropout")(x)
        for stage, width in enumerate(decoder_filters, start=1):
            skip = skips.get(deepest >> stage)
            x = UpsampleConv(
                width,
                interpolation=interpolation,
                normalization=normalization,
                odd_sizes=not pad_to_stride,
                name=f"decoder{stage}_up",
            )(x if skip is None else [x, skip])
            x = conv_blocks(x, width, decoder_convolutions - 1, name=f"decoder{stage}")
        return x, decoder_stride

    return segmentation_model(
        encode,
        decode,
        num_classes,
        input_shape=input_shape,
        activation=activation,
        pad_to=deepest if pad_to_stride else None,
        name=name,
    )


def _plain_encoder(x, filters, include_preprocessing):
    """{stride: map} of the contracting path."""
    if include_preprocessing:
        x = backbones.Preprocessing("tf", name="preprocessing")(x)
    skips = {}
    for level, width in enumerate(filters):
        if level:
            x = layers.MaxPooling2D(2, padding="same", name=f"encoder{level}_pool")(x)
        x = conv_blocks(x, width, 2, name=f"encoder{level + 1}")
        skips[2**level] = x
    return skips


def _check_2015(**arguments):
    """Fail where an argument that the form of 2015 does not have was changed from its default."""
    for name, (value, default) in arguments.items():
        if value != default:
            _validation.fail(name, f"must be {default!r} with padding='valid', the U-Net of 2015", value)


def _level_filters(filters, depth):
    """The plain U-Net's widths, one a level, first level first."""
    if isinstance(filters, int):
        depth = 4 if depth is None else _validation.integer("depth", depth)
        return tuple(_validation.integer("filters", filters) * 2**level for level in range(depth + 1))
    filters = _validation.integers("filters", filters)
    if len(filters) < 2:
        _validation.fail("filters", "must have at least two levels", filters)
    if depth is not None and depth != len(filters) - 1:
        _validation.fail("depth", f"must be one less than the {len(filters)} filters given, or left out", depth)
    return filters


def _decoder_filters(decoder_filters, stages, level_filters):
    """The decoder's widths, deepest stage first."""
    if decoder_filters is None:
        if level_filters is not None:
            return level_filters[-2::-1][:stages]
        return (256, 128, 64, 32, 16)[:stages]
    decoder_filters = _validation.integers("decoder_filters", decoder_filters)
    if len(decoder_filters) != stages:
        _validation.fail("decoder_filters", f"must have {stages} entries, one for each doubling", decoder_filters)
    return decoder_filters
