"""SegNet-Basic: four wide convolutions down, four up, switches between them."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg.backbones import Preprocessing
from keras_seg.layers import LocalResponseNormalization
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, image_model
from keras_seg.models.parts.unpooling import convolution, normalized, pool, unpool
from keras_seg.models.segnet import FIRST_DROPOUT

NORMALIZATIONS = ("local_response", "scaling")


def SegNetBasic(
    num_classes,
    *,
    input_shape=(None, None, 3),
    filters=64,
    depth=4,
    kernel_size=7,
    dropout=0.0,
    normalization="local_response",
    activation="softmax",
    include_preprocessing=True,
    name="segnet_basic",
):
    """SegNet-Basic: `depth` times convolution and pooling, and as often unpooling and convolution.

    The small SegNet, made for training from scratch. The decoder's convolutions are normalized but have no ReLU. Every
    image size works as it is: 360 pixels become 180, 90, 45 and 23, and go back through 45.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        filters: int. Of every convolution. Defaults to 64.
        depth: int. Poolings. Defaults to 4.
        kernel_size: int, odd. Of every convolution. Defaults to 7.
        dropout: float in [0, 1). More than 0 gives the Bayesian SegNet-Basic, published with 0.5: dropout after
            poolings 3 and 4 and after the decoder's stages 4 and 3. `keras_seg.inference.mc_dropout` samples it.
            Defaults to 0.
        normalization: of the raw image. `"local_response"`, as published, divides each pixel by a power of its own
            brightness, which is why it wants raw values. `"scaling"` maps them to -1..1, which is cheaper and does not
            favor dark pixels. Defaults to `"local_response"`.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, by `normalization`; False
            takes what comes as it is. Defaults to True.
        name: str. Defaults to "segnet_basic".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32. With 11 classes it has 1,416,587 trainable parameters.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.SegNetBasic(num_classes=11)
        >>> ks.analysis.receptive_field(model, "pool4").size
        106

    Reference: Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
        Segmentation", PAMI 2017, section 3.1, and the authors' segnet_basic_train.prototxt; for dropout, Kendall,
        Badrinarayanan and Cipolla, "Bayesian SegNet", 2015, and bayesian_segnet_basic_train.prototxt.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("include_preprocessing", include_preprocessing)
    filters, depth = _validation.integer("filters", filters), _validation.integer("depth", depth)
    kernel_size = _validation.integer("kernel_size", kernel_size)
    if kernel_size % 2 == 0:
        _validation.fail("kernel_size", "must be odd, or maps would move by half a pixel", kernel_size)
    dropout = _validation.number("dropout", dropout, 0, 0.999)
    _validation.one_of("normalization", normalization, NORMALIZATIONS)

    def drop(x, level, name):
        return layers.Dropout(dropout, name=name)(x) if dropout and level >= FIRST_DROPOUT else x

    image = x = keras.Input(input_shape, name="image")
    if include_preprocessing and normalization == "local_response":
        x = LocalResponseNormalization(name="preprocessing")(x)
    elif include_preprocessing:
        x = Preprocessing("tf", name="preprocessing")(x)
    switches = {}
    for level in range(1, depth + 1):
        x = normalized(x, convolution(filters, kernel_size, f"encoder{level}"))
        x, switches[level] = pool(x, f"pool{level}")
        x = drop(x, level, f"pool{level}_dropout")
    for level in range(depth, 0, -1):
        x = unpool(x, switches[level], f"unpool{level}")
        x = normalized(x, convolution(filters, kernel_size, f"decoder{level}"), activation=None)
        x = drop(x, level, f"decoder{level}_dropout")
    return image_model(image, segmentation_head(x, num_classes, activation), name=name)
