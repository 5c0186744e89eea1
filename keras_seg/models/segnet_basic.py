"""SegNet-Basic: four wide convolutions down, four up, switches between them."""

import keras

from keras_seg import _validation
from keras_seg.layers import LocalResponseNormalization
from keras_seg.models.parts.heads import segmentation_head
from keras_seg.models.parts.image_model import check_common, check_dropout, image_model, preprocessed
from keras_seg.models.parts.unpooling import FIRST_DROPOUT, convolution, dropped, normalized, pool, unpool

NORMALIZATIONS = ("local_response", "scaling")


def SegNetBasic(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    filters: int = 64, depth: int = 4, kernel_size: int = 7, normalization: str = "local_response",
    dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "segnet_basic",
) -> keras.Model:  # fmt: skip
    """SegNet-Basic: `depth` times convolution and pooling, and as often unpooling and convolution.

    It is the small SegNet, made for training from scratch. The decoder's convolutions are normalized but have no ReLU.
    Every image size works as it is: 360 pixels become 180, 90, 45 and 23, and go back through 45.

    Args:
        filters: int. Of every convolution. Defaults to 64.
        depth: int. Poolings. Defaults to 4.
        kernel_size: int. Odd, of every convolution. Defaults to 7.
        normalization: str. Of the raw image. `"local_response"`, as published, divides each pixel by a power of its own
            brightness, which is why it needs raw values. `"scaling"` maps them to -1..1, which is cheaper and does not
            favor dark pixels. Defaults to `"local_response"`.
        dropout: float. In [0, 1). More than 0 gives the Bayesian SegNet-Basic, published with 0.5: dropout after
            pooling 3 and deeper ones, and after the decoder's stages of the same levels.
            `keras_seg.inference.mc_dropout` samples it. Defaults to 0.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, by `normalization`; False
            leaves the image unchanged. Defaults to True.

    Other arguments: see `UNet`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32. With 11 classes it has 1,416,587 trainable parameters.

    Raises:
        InputError: if an argument is not as above or has no effect beside the others.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.SegNetBasic(num_classes=11)
        >>> ks.analysis.receptive_field(model, layer="pool4").size
        106

    Reference: Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
        Segmentation", PAMI 2017, section 3.1, and the authors' segnet_basic_train.prototxt; for dropout, Kendall,
        Badrinarayanan and Cipolla, "Bayesian SegNet", 2015, and bayesian_segnet_basic_train.prototxt.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters, depth = _validation.integer("filters", filters), _validation.integer("depth", depth)
    kernel_size = _validation.integer("kernel_size", kernel_size)
    if kernel_size % 2 == 0:
        _validation.fail("kernel_size", "must be odd, so that maps keep their position", kernel_size)
    dropout = check_dropout(dropout)
    if dropout and depth < FIRST_DROPOUT:
        fix = f"Pass dropout=0, or depth={FIRST_DROPOUT}."
        _validation.fail("dropout", f"must be 0 with depth={depth}; it begins at level {FIRST_DROPOUT}", dropout, fix)
    _validation.one_of("normalization", normalization, NORMALIZATIONS)
    if not _validation.boolean("include_preprocessing", include_preprocessing) and normalization != NORMALIZATIONS[0]:
        fix = "Leave it out, or pass include_preprocessing=True."
        _validation.fail("normalization", "has no effect with include_preprocessing=False", normalization, fix)

    # Encoder
    image = x = keras.Input(input_shape, name="image")
    if include_preprocessing and normalization == "local_response":
        x = LocalResponseNormalization(name="preprocessing")(x)
    else:
        x = preprocessed(x, "tf", include=include_preprocessing)
    switches = {}
    for level in range(1, depth + 1):
        x = normalized(x, convolution(filters, kernel_size, f"encoder{level}"))
        x, switches[level] = pool(x, f"pool{level}")
        x = dropped(x, level, dropout, f"pool{level}_dropout")

    # Decoder
    for level in range(depth, 0, -1):
        x = unpool(x, switches[level], f"unpool{level}")
        x = normalized(x, convolution(filters, kernel_size, f"decoder{level}"), activation=None)
        x = dropped(x, level, dropout, f"decoder{level}_dropout")

    # Head
    return image_model(image, segmentation_head(x, num_classes, activation), name=name)
