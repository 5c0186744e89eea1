"""A stack of convolutions that never compresses."""

import keras

from keras_seg import _validation
from keras_seg.models.parts.blocks import conv_blocks
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, image_model, preprocessed


def FullResolutionNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    depth: int = 8, filters: int = 32,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "full_resolution_net",
) -> keras.Model:  # fmt: skip
    """Segmentation without any compression: 3x3 convolutions at full resolution, one after the other.

    It is the simplest network that labels every pixel, and the reason for all others: the receptive field of L
    convolutions is only `1 + 2 L` pixels wide, and each of them is computed at every pixel.

    Args:
        depth: int. 3x3 convolutions with BatchNormalization and ReLU. Defaults to 8.
        filters: int. Of every convolution. Defaults to 32.

    Other arguments: see `UNet`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32.

    Raises:
        InputError: if an argument is not as above.

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
    depth, filters = _validation.integer("depth", depth), _validation.integer("filters", filters)
    image = keras.Input(input_shape, name="image")
    x = preprocessed(image, "tf", include=include_preprocessing)
    x = conv_blocks(x, filters, depth, name="block")
    return image_model(image, segmentation_head(x, num_classes, activation), name=name)
