"""U-Net: an encoder, and a decoder that takes back the detail through skip connections."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor, Weights
from keras_seg.backbones.pyramid import level_of
from keras_seg.backbones.weights import described
from keras_seg.layers import CropLike
from keras_seg.layers.upsample_conv import EPSILON, TORCH_EPSILON
from keras_seg.models.parts.blocks import ATTENTIONS, conv_blocks, decoder_stage
from keras_seg.models.parts.decoder_filters import decoder_stages, decoder_widths
from keras_seg.models.parts.encoder_decoder import BackboneChoice, backbone_encoder, check_joinable, padded, strides_of
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, check_dropout, image_model, preprocessed
from keras_seg.models.parts.level_filters import level_filters


def UNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    backbone: str | keras.Model | None = None, weights: Weights = None, backbone_trainable: bool = True,
    filters: int | Sequence[int] | None = None, depth: int | None = None, padding: str = "same",
    decoder_filters: Sequence[int] | None = None, decoder_convolutions: int = 2, decoder_stride: int = 1,
    decoder_attention: str | None = None, interpolation: str = "nearest", normalization: str | None = "batch",
    head_kernel_size: int = 1, dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool | str = True, pad_to_stride: bool = True,
    name: str = "unet",
) -> keras.Model:  # fmt: skip
    """U-Net, plain or with a backbone.

    Without a backbone it is the network of the paper in its modern form: two 3x3 convolutions with normalization per
    level, 2x2 max pooling between levels, and a decoder that doubles the map, joins the skip and convolves
    (`UpsampleConv`). With a backbone, the levels of its pyramid replace the encoder and the decoder stays the same. The
    network as published, with convolutions that do not pad, is `UNet2015`.

    Args:
        num_classes: int. Channels of the output. Ignored labels outside this range are not counted.
        input_shape: tuple. (height, width, channels), where height and width may be None. Defaults to
            (None, None, 3).
        backbone: str, keras.Model or None. A name of `keras_seg.backbones.names()`, a functional model, or None for the
            plain U-Net. Defaults to None.
        weights: str, path, dict or None. Of the backbone, as in `keras_seg.backbones.build`: None, `"imagenet"`, the
            path of a weights file, or a state dict. Defaults to None.
        backbone_trainable: bool. False freezes the backbone's weights and its BatchNormalization statistics; `unfreeze`
            undoes it. Defaults to True.
        filters: int, sequence of ints or None. Of the plain U-Net's levels: an int is doubled at each level. Defaults
            to 64. A backbone has its own.
        depth: int or None. Poolings of the plain U-Net. Defaults to 4, or to one less than the number of `filters`.
        padding: str. `"same"`, the only choice here: see `UNet2015` for `"valid"`. Defaults to `"same"`.
        decoder_filters: sequence of ints or None. Of the decoder's stages, deepest first. Defaults to the encoder's
            own in the plain U-Net and to (256, 128, 64, 32, 16) with a backbone, as many as there are stages.
        decoder_convolutions: int. 3x3 convolutions per decoder stage, that of `UpsampleConv` included. Defaults to 2.
        decoder_stride: int. A power of two, where the decoder stops: 1 goes up to every pixel; at 4 the classes are
            decided on a map four times smaller and enlarged bilinearly, which costs a fraction. Defaults to 1.
        decoder_attention: str or None. `"gate"` weighs the places of each skip by what it shows and by what the deeper
            map shows there, as in Attention U-Net; the finest skip is joined as it is, as in the paper. `"scse"` weighs
            channels and places of every stage by what the map shows, where skips are joined and at the end. It takes
            the place of `UpsampleConv`'s fast form. Defaults to None.
        interpolation: str. `"nearest"` or `"bilinear"`, of `UpsampleConv`. Defaults to `"nearest"`, which has a faster
            form.
        normalization: str or None. `"batch"`, `"group"`, `"layer"` or None, behind every convolution except those of a
            backbone, which has its own. Defaults to `"batch"`.
        head_kernel_size: int. Of the convolution to the classes; 3 in segmentation_models_pytorch, whose weights
            `convert` takes. Defaults to 1.
        dropout: float. In [0, 1), on the deepest map, as at the end of the paper's contracting path. Defaults to 0.
        activation: str or None. `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool or str. True takes raw RGB in 0..255 and normalizes inside; with a backbone, it can
            also be a mode of `Preprocessing`. Defaults to True.
        pad_to_stride: bool. True takes any size: the image is reflected up to a multiple of the deepest stride and the
            output cropped back. False takes it as it is, where the encoder rounds odd sizes up. Defaults to True.
        name: str. Name of the model. Defaults to "unet".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32.

    Raises:
        InputError: if an argument is not as above or has no effect beside the others, the backbone is unknown, or the
            weights cannot be loaded.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.UNet(num_classes=11, backbone="MobileNetV2")
        >>> model.output_shape
        (None, None, None, 11)
        >>> ks.models.UNet(num_classes=2, filters=16, depth=3, input_shape=(None, None, 1)).count_params()
        489138

    Reference: Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for Biomedical Image Segmentation", MICCAI
        2015, section 2 and figure 1. Unlike theirs, ours pads its convolutions, normalizes, and upsamples by resize and
        convolution. scSE: Roy, Navab and Wachinger, "Concurrent Spatial and Channel Squeeze & Excitation in Fully
        Convolutional Networks", MICCAI 2018, section 3. Gates: Oktay et al., "Attention U-Net: Learning Where to Look
        for the Pancreas", MIDL 2018, equations 1 and 2, with a 2x2 convolution of stride 2 for the skip, half as many
        filters as the skip has channels, and bilinear enlargement, as in the authors' code; without its convolution of
        the weighed skip.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    dropout = check_dropout(dropout)
    decoder_convolutions = _validation.integer("decoder_convolutions", decoder_convolutions)
    head_kernel_size = _validation.integer("head_kernel_size", head_kernel_size)
    _validation.boolean("pad_to_stride", pad_to_stride)
    _validation.one_of("decoder_attention", decoder_attention, ATTENTIONS)
    if _validation.one_of("padding", padding, ("same", "valid")) == "valid":
        fix = "Use keras_seg.models.UNet2015, the U-Net as published."
        _validation.fail("padding", 'must be "same" in this U-Net', padding, fix)
    encoder, widths = None, ()
    if backbone is None:
        _check_plain(weights=weights, backbone_trainable=backbone_trainable)
        widths = level_filters(64 if filters is None else filters, depth)
        strides = [2**level for level in range(len(widths))]
    else:
        _check_not_plain(filters=filters, depth=depth)
        choice = BackboneChoice(backbone, weights, backbone_trainable, include_preprocessing)
        encoder = backbone_encoder(choice, input_shape)
        strides = strides_of(encoder)
        check_joinable(strides)
    deepest = strides[-1]
    decoder_filters = decoder_widths(decoder_filters, decoder_stages(decoder_stride, deepest), widths)
    if decoder_attention == "gate":
        _check_gates(strides, decoder_stride)

    # Encoder
    image = keras.Input(input_shape, name="image")
    x = padded(image, deepest) if pad_to_stride else image
    if encoder is None:
        pyramid = _plain_encoder(preprocessed(x, "tf", include=include_preprocessing), widths, normalization)
    else:
        pyramid = encoder(x)

    # Decoder
    x = pyramid[level_of(deepest)]
    if dropout:
        x = layers.Dropout(dropout, name="dropout")(x)
    for stage, width in enumerate(decoder_filters, start=1):
        stride = deepest >> stage
        skip = pyramid.get(level_of(stride))
        x = decoder_stage(
            x,
            skip,
            width,
            f"decoder{stage}",
            convolutions=decoder_convolutions,
            interpolation=interpolation,
            normalization=normalization,
            epsilon=EPSILON if encoder is None else TORCH_EPSILON,
            odd_sizes=not pad_to_stride,
            attention=None if decoder_attention == "gate" and stride == strides[0] else decoder_attention,
        )

    # Head
    x = segmentation_head(x, num_classes, activation, kernel_size=head_kernel_size, scale=decoder_stride)
    if pad_to_stride or max(decoder_stride, strides[0]) > 1:  # Else the finest skip has the size of the image.
        x = CropLike(dtype="float32", name="crop")([x, image])
    return image_model(image, x, name=name)


def _plain_encoder(x: Tensor, filters: tuple[int, ...], normalization: str | None) -> dict[str, Tensor]:
    """The pyramid of the contracting path, from "P0" on."""
    pyramid = {}
    for level, width in enumerate(filters):
        if level:
            x = layers.MaxPooling2D(2, padding="same", name=f"encoder{level}_pool")(x)
        x = conv_blocks(x, width, 2, name=f"encoder{level + 1}", normalization=normalization)
        pyramid[f"P{level}"] = x
    return pyramid


def _check_gates(strides: list[int], decoder_stride: int) -> None:
    """Fail where the decoder joins no skip but the finest, which has no gate."""
    if not any(decoder_stride <= stride for stride in strides[1:-1]):
        fix = "Pass a deeper encoder or a lower decoder_stride, or leave it out."
        _validation.fail("decoder_attention", "has no effect without a skip coarser than the finest", "gate", fix)


def _check_plain(*, weights: Weights, backbone_trainable: bool) -> None:
    """Fail where an argument that only a backbone heeds was given without one."""
    if weights is not None:
        rule = "must be None for the plain U-Net, which has no pretrained form"
        _validation.fail("weights", rule, described(weights), "Pass backbone=, or leave it out.")
    if not _validation.boolean("backbone_trainable", backbone_trainable):
        fix = "Pass backbone=, or leave it out."
        _validation.fail("backbone_trainable", "must be True for the plain U-Net, which has no backbone", False, fix)


def _check_not_plain(**arguments: object) -> None:
    """Fail where an argument that only the plain U-Net heeds was given with a backbone."""
    for name, value in arguments.items():
        if value is not None:
            fix = "Leave it out, or set the decoder's widths by decoder_filters=."
            _validation.fail(name, "must be None with a backbone, which has its own levels", value, fix)
