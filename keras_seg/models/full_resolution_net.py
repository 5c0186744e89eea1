"""A stack of convolutions that never compresses."""

import keras

from keras_seg import _validation, backbones
from keras_seg.models.parts.blocks import conv_blocks
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, image_model


def FullResolutionNet(
    num_classes,
    *,
    input_shape=(None, None, 3),
    depth=8,
    filters=32,
    activation="softmax",
    include_preprocessing=True,
    name="full_resolution_net",
):
    """Segmentation without any compression: 3x3 convolutions at full resolution, one after the other.

    The simplest network that labels every pixel, and the reason for all others: the receptive field of L convolutions
    is only `1 + 2 L` pixels wide, and every one of them pays for every pixel.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        depth: int. 3x3 convolutions with BatchNormalization and ReLU. Defaults to 8.
        filters: int. Of every convolution. Defaults to 32.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw values 0..255 and normalizes inside. Defaults to True.
        name: str. Defaults to "full_resolution_net".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FullResolutionNet(num_classes=11, depth=10)
        >>> ks.analysis.receptive_field(model).size
        21

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section
        3, on what a network of convolutions alone computes; Araujo, Norris and Sim, "Computing Receptive Fields", 2019,
        for the field.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("include_preprocessing", include_preprocessing)
    depth, filters = _validation.integer("depth", depth), _validation.integer("filters", filters)
    image = x = keras.Input(input_shape, name="image")
    if include_preprocessing:
        x = backbones.Preprocessing("tf", name="preprocessing")(x)
    x = conv_blocks(x, filters, depth, name="block")
    return image_model(image, segmentation_head(x, num_classes, activation), name=name)
