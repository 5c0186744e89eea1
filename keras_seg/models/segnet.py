"""SegNet: VGG16's convolutions, and their mirror image that unpools to the positions of the maxima."""

from collections.abc import Sequence

import keras

from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, check_dropout, image_model, preprocessed
from keras_seg.models.parts.unpooling import convolution, dropped, normalized, unpool, vgg16_encoder, vgg16_mirror
from keras_seg.models.parts.vgg16_blocks import check_filters


def SegNet(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    filters: Sequence[int] = (64, 128, 256, 512, 512), dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "segnet",
) -> keras.Model:  # fmt: skip
    """SegNet: an encoder of VGG16's 13 convolutions, and a decoder of 13 that mirrors it.

    Each pooling remembers which pixel of a window was the largest, and the decoder puts the values back there: borders
    survive without skip connections. Poolings are in ceil mode and unpoolings return to the size before, so every image
    size works as it is: 360x480 becomes 12x15, and 23x30, 45x60, 90x120 on the way back.

    The convolutions have the names and biases of keras.applications' VGG16: `transfer_weights` takes its weights.

    Args:
        dropout: float. In [0, 1). More than 0 gives the Bayesian SegNet, published with 0.5: dropout after poolings 3,
            4 and 5 and after the decoder's stages 5, 4 and 3. `keras_seg.inference.mc_dropout` samples it. Defaults to
            0.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, as VGG16 was trained (BGR minus
            the mean color). The authors' model reads raw BGR and leaves the mean to its first normalization. Defaults
            to True.

    Other arguments: see `FCN8s`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width, num_classes)`,
        float32. With 11 classes it has 29,449,355 trainable parameters.

    Raises:
        InputError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.SegNet(num_classes=11, input_shape=(360, 480, 3), filters=(4, 4, 8, 8, 8))
        >>> [model.get_layer(f"unpool{block}").output.shape[1:3] for block in (5, 4)]
        [(23, 30), (45, 60)]

    Reference: Badrinarayanan, Kendall and Cipolla, "SegNet: A Deep Convolutional Encoder-Decoder Architecture for Image
        Segmentation", PAMI 2017, section 3; for dropout, Kendall, Badrinarayanan and Cipolla, "Bayesian SegNet", 2015,
        section 4, and the authors' bayesian_segnet_train.prototxt.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters = check_filters(filters)
    dropout = check_dropout(dropout)

    # Encoder
    image = keras.Input(input_shape, name="image")
    x, switches = vgg16_encoder(preprocessed(image, "caffe", include=include_preprocessing), filters, dropout=dropout)

    # Decoder
    for block, widths in vgg16_mirror(filters):
        x = unpool(x, switches[block], f"unpool{block}")
        for index, width in enumerate(widths[:-1] if block == 1 else widths, start=1):
            x = normalized(x, convolution(width, 3, f"decoder{block}_conv{index}"))
        x = dropped(x, block, dropout, f"decoder{block}_dropout")

    # Head, in place of the mirror's last convolution and without its normalization
    x = convolution(num_classes, 3, "logits")(x)
    return image_model(image, class_activation(x, activation), name=name)
