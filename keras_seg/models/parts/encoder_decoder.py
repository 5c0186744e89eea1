"""What encoder-decoder models share: the image made to fit, the encoder, the head, and the output cut to the image."""

import keras

from keras_seg import _validation, backbones, surgery
from keras_seg.layers import CropLike, PadToStride
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, image_model


def backbone_encoder(backbone, input_shape, weights, *, trainable, include_preprocessing, output_stride=None):
    """(encode, strides): a function from an image to `{stride: map}`, and its strides, the finest first.

    The backbone is one layer of the model, named "backbone": that is where `unfreeze` looks for it. With an
    `output_stride`, the stages that would compress further are dilated instead, and their last map is the one there.
    """
    _validation.boolean("backbone_trainable", trainable)
    net = backbones.build(
        backbone,
        input_shape=(None, None, input_shape[-1]),
        weights=weights,
        include_preprocessing=include_preprocessing,
        trainable=trainable,
        name="backbone",
    )
    strides = sorted(_levels(net.output))
    if output_stride is not None:
        if output_stride not in strides:
            rule = f"must be a stride of the backbone's maps, {', '.join(map(str, strides))}"
            fix = f"Pass one of these, or a backbone with a map of stride {output_stride}."
            _validation.fail("output_stride", rule, output_stride, fix)
        kept = [stride for stride in strides if stride < output_stride]
        if output_stride < strides[-1]:
            levels = _levels(net.output)
            levels[output_stride] = levels[strides[-1]]
            pyramid = {f"P{stride.bit_length() - 1}": levels[stride] for stride in (*kept, output_stride)}
            net = _dilated(keras.Model(net.inputs[0], pyramid, name="backbone"), output_stride, strides[-1])
            if not trainable:
                net.trainable = False
        strides = [*kept, output_stride]
    return lambda x: _levels(net(x)), strides


def segmentation_model(encode, decode, num_classes, *, input_shape, activation, pad_to, name):
    """The model `image -> encode -> decode -> head`, at the image's size.

    Args:
        encode: function from an image to `{stride: map}`.
        decode: function from that to (features, stride of the features).
        num_classes: int.
        input_shape: (height, width, channels).
        activation: `"softmax"`, `"sigmoid"` or None.
        pad_to: int or None. The image is reflected up to a multiple of this, and the output cropped back.
        name: str.

    Returns:
        A functional `keras.Model`.
    """
    image = keras.Input(input_shape, name="image")
    x = PadToStride(pad_to, dtype="float32", name="pad_to_stride")(image) if pad_to else image
    x, stride = decode(encode(x))
    x = segmentation_head(x, num_classes, activation, scale=stride)
    if pad_to or stride > 1:
        x = CropLike(dtype="float32", name="crop")([x, image])
    return image_model(image, x, name=name)


def model_on_backbone(
    decode,
    num_classes,
    input_shape,
    *,
    backbone,
    weights,
    backbone_trainable,
    activation,
    include_preprocessing,
    name,
    output_stride=None,
):
    """The model of `decode` on any backbone, dilated from `output_stride` on, for any image size."""
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    encode, strides = backbone_encoder(
        backbone,
        input_shape,
        weights,
        trainable=backbone_trainable,
        include_preprocessing=include_preprocessing,
        output_stride=output_stride,
    )
    return segmentation_model(
        encode, decode, num_classes, input_shape=input_shape, activation=activation, pad_to=strides[-1], name=name
    )


def check_joinable(strides):
    """Fail where a backbone's `strides` are too few for a decoder that joins deep maps with early ones."""
    if len(strides) < 2:
        _validation.fail(
            "backbone",
            "must have maps of at least two strides, for the decoder to join them",
            f"maps of stride {', '.join(map(str, strides))}",
            "Give one that compresses in several steps, or see keras_seg.backbones.names().",
        )


def finest_from(stride, levels):
    """The strides of `levels` from `stride` on, the finest first; all of them where there are none."""
    return sorted(level for level in levels if level >= stride) or sorted(levels)


def _dilated(net, output_stride, deepest):
    try:
        return surgery.dilate(net, output_stride=output_stride)
    except _validation.InputError as error:
        fix = f"Pass output_stride={deepest}, which leaves it as it is."
        message = f"`output_stride` {output_stride} needs a backbone that can be dilated. {error} {fix}"
        raise _validation.InputError(message) from error


def _levels(pyramid):
    """{stride: map} of a pyramid {"P1": map, ...}."""
    return {2 ** int(level[1:]): tensor for level, tensor in pyramid.items()}
