"""What encoder-decoder models share: the image made to fit, the encoder, the head, and the output cut to the image."""

import keras

from keras_seg import _validation, backbones
from keras_seg.layers import CropLike, PadToStride
from keras_seg.models.heads import check_head, segmentation_head


def backbone_encoder(backbone, input_shape, weights, trainable, include_preprocessing, output_stride=None):
    """(encode, strides): a function from an image to `{stride: map}`, and its strides, the finest first.

    The backbone is one layer of the model, named "backbone": that is where `unfreeze` looks for it. With an
    `output_stride`, it ends there.
    """
    net = backbones.build(
        backbone,
        input_shape=(None, None, input_shape[-1]),
        weights=weights,
        include_preprocessing=include_preprocessing,
        trainable=trainable,
        name="backbone",
    )
    strides = sorted(_levels(net.output))
    if output_stride is not None and output_stride != strides[-1]:
        _validation.one_of("output_stride", output_stride, strides)
        strides = strides[: strides.index(output_stride) + 1]
        kept = {level: tensor for level, tensor in net.output.items() if 2 ** int(level[1:]) <= output_stride}
        net = keras.Model(net.inputs[0], kept, name="backbone")
        if not trainable:
            net.trainable = False
    return lambda x: _levels(net(x)), strides


def segmentation_model(encode, decode, num_classes, input_shape, activation, pad_to, name):
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
    return keras.Model(image, x, name=name)


def model_on_backbone(
    decode,
    num_classes,
    input_shape,
    backbone,
    weights,
    backbone_trainable,
    activation,
    include_preprocessing,
    name,
    output_stride=None,
):
    """The model of `decode` on any backbone, up to its map of `output_stride`, for any image size."""
    num_classes = check_head(num_classes, activation)
    encode, strides = backbone_encoder(
        backbone, input_shape, weights, backbone_trainable, include_preprocessing, output_stride
    )
    return segmentation_model(encode, decode, num_classes, input_shape, activation, strides[-1], name)


def finest_from(stride, levels):
    """The strides of `levels` from `stride` on, the finest first; all of them where there are none."""
    return sorted(level for level in levels if level >= stride) or sorted(levels)


def _levels(pyramid):
    """{stride: map} of a pyramid {"P1": map, ...}."""
    return {2 ** int(level[1:]): tensor for level, tensor in pyramid.items()}
