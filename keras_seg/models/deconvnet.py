"""DeconvNet: all of VGG16, its dense layers included, and all of it mirrored."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg.layers.minimum_size import MinimumSize, check_minimum
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, image_model, preprocessed
from keras_seg.models.parts.unpooling import convolution, normalized, unpool, vgg16_encoder, vgg16_mirror
from keras_seg.models.parts.vgg16_blocks import check_filters

# fc6 reads 7x7 of the map of stride 32, whose sides are rounded up: 6 * 32 + 1 pixels make 7.
_SMALLEST = 193
_WHY = "with padding='valid', or the 7x7 of fc6 has no room; padding='same' takes any size"


def DeconvNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    padding: str = "same", filters: Sequence[int] = (64, 128, 256, 512, 512), fc_filters: int = 4096,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "deconvnet",
) -> keras.Model:  # fmt: skip
    """DeconvNet: VGG16 with its dense layers down to a single unit, and deconvolutions and unpoolings back up.

    224x224 pixels become a 7x7 map, which fc6 turns into one unit of 4096 values. A 7x7 deconvolution begins the way
    back; each unpooling puts values where the pooling found them, and each 3x3 deconvolution fills in around them. All
    29 layers before the scores have BatchNormalization and ReLU. The model is fully convolutional, poolings are in ceil
    mode and unpoolings return to the size before, so it takes other sizes too.

    The convolutions have the names and biases of keras.applications' VGG16, except for fc6 and fc7, which are fc1 and
    fc2 there: `transfer_weights` takes its weights.

    Args:
        padding: str. Of the 7x7 convolution and deconvolution. `"valid"`, as published: images with sides of at least
            193 pixels, made for 224. `"same"` keeps the map's size there, and takes any image. The weights are the
            same. Defaults to `"same"`.

    Other arguments: see `FCN8s`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32. With 21 classes it has 251,805,653 trainable parameters.

    Raises:
        InputError: if an argument is not as above, or the image is too small for `padding="valid"`.

    Examples:
        >>> import keras_seg as ks
        >>> small = dict(filters=(2, 2, 4, 4, 4), fc_filters=8)
        >>> model = ks.models.DeconvNet(num_classes=21, input_shape=(224, 224, 3), padding="valid", **small)
        >>> [model.get_layer(name).output.shape[1] for name in ("fc6", "fc6_deconv", "unpool5")]
        [1, 7, 14]

    Reference: Noh, Hong and Han, "Learning Deconvolution Network for Semantic Segmentation", ICCV 2015, section 3 and
        table 2 of the supplement.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters = check_filters(filters)
    fc_filters = _validation.integer("fc_filters", fc_filters)
    _validation.one_of("padding", padding, ("same", "valid"))

    # Encoder
    image = x = keras.Input(input_shape, name="image")
    if padding == "valid":
        check_minimum(input_shape, _SMALLEST, _WHY)
        x = MinimumSize(_SMALLEST, _WHY, name="minimum_size")(x)
    x = preprocessed(x, "caffe", include=include_preprocessing)
    x, switches = vgg16_encoder(x, filters)
    x = normalized(x, convolution(fc_filters, 7, "fc6", padding=padding))
    x = normalized(x, convolution(fc_filters, 1, "fc7"))

    # Decoder
    x = normalized(x, _deconvolution(filters[-1], 7, "fc6_deconv", padding=padding))
    for block, widths in vgg16_mirror(filters):
        x = unpool(x, switches[block], f"unpool{block}")
        for index, width in enumerate(widths, start=1):
            x = normalized(x, _deconvolution(width, 3, f"deconv{block}_{index}"))

    # Head
    return image_model(image, segmentation_head(x, num_classes, activation), name=name)


def _deconvolution(filters: int, kernel_size: int, name: str, *, padding: str = "same") -> keras.layers.Layer:
    return layers.Conv2DTranspose(filters, kernel_size, padding=padding, kernel_initializer="he_normal", name=name)
