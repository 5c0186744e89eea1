"""FCN-32s, FCN-16s and FCN-8s: VGG16 made fully convolutional, its scores fused coarse to fine and enlarged."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.initializers import Bilinear
from keras_seg.layers import ChannelDeconvolution2D, CropLike
from keras_seg.models.parts.encoder_decoder import padded
from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, image_model, preprocessed
from keras_seg.models.parts.vgg16_trunk import check_trunk, vgg16_trunk

DECONVOLUTIONS = ("per_channel", "dense")

# stride -> (level, name of the enlargement before it, crop offset under "valid", scale of the at-once variant):
# voc-fcn8s/net.py and voc-fcn8s-atonce/net.py of the authors' repository.
_SKIPS = {16: ("pool4", "upscore2", 5, 0.01), 8: ("pool3", "upscore_pool4", 9, 0.0001)}
# Crop offset of the last enlargement under "valid", by its stride.
_LAST_OFFSET = {32: 19, 16: 27, 8: 31}


def FCN8s(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    padding: str = "same", filters: Sequence[int] = (64, 128, 256, 512, 512), fc_filters: int = 4096,
    at_once: bool = False, deconvolution: str = "per_channel", deconvolution_trainable: bool | str = False,
    dropout: float = 0.5,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "fcn8s",
) -> keras.Model:  # fmt: skip
    """FCN-8s: the scores of fc7, pool4 and pool3 fused coarse to fine, and enlarged 8 times.

    Only the score layers start at zero: the others take the weights of a trained `FCN16s` with `transfer_weights`, and
    training starts from the predictions of that model, except for its enlargement.

    Args:
        num_classes: int. Channels of the output.
        input_shape: tuple. (height, width, channels), where height and width may be None. Defaults to
            (None, None, 3).
        padding: str. `"same"`, where all maps are exactly aligned, after reflecting the image up to a multiple of 32;
            or `"valid"`, the authors' geometry: 100 pixels of zeros around the image, a "valid" fc6, and crops at
            offsets 5, 9 and 31 (5 and 27 in FCN-16s, 19 in FCN-32s). Either takes any size and returns it. Defaults to
            `"same"`.
        filters: five ints. Of VGG16's blocks. Defaults to (64, 128, 256, 512, 512).
        fc_filters: int. Of fc6 and fc7. Defaults to 4096.
        at_once: bool. Scale pool4 by 0.01 and pool3 by 0.0001 before scoring, so that the model can be trained in one
            stage rather than from the coarser model's weights. Defaults to False.
        deconvolution: str. `"per_channel"`, where each class is enlarged separately; or `"dense"`, the authors' full
            kernels from all classes to all classes, zero at first except on the diagonal. Neither has a bias. Defaults
            to `"per_channel"`.
        deconvolution_trainable: bool or str. `"intermediate"` is the paper's choice: learn all enlargements except the
            last. False keeps them bilinear; frozen per-channel deconvolutions have no weights. Defaults to False.
        dropout: float. In [0, 1), after fc6 and fc7. Defaults to 0.5.
        activation: str or None. `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, as VGG16 was trained (BGR minus
            the mean color). Defaults to True.
        name: str. Name of the model. Defaults to "fcn8s".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width,
        num_classes)`, float32. With 21 classes it has 134,362,751 parameters, and 134,489,759 with dense
        deconvolutions.

    Raises:
        InputError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FCN8s(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015, section
        4.2 and figure 3; the at-once variant is that of Shelhamer, Long and Darrell, PAMI 2017.
    """
    return _fcn(
        8,
        num_classes,
        input_shape=input_shape,
        padding=padding,
        filters=filters,
        fc_filters=fc_filters,
        at_once=at_once,
        deconvolution=deconvolution,
        deconvolution_trainable=deconvolution_trainable,
        dropout=dropout,
        activation=activation,
        include_preprocessing=include_preprocessing,
        name=name,
    )


def FCN16s(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    padding: str = "same", filters: Sequence[int] = (64, 128, 256, 512, 512), fc_filters: int = 4096,
    at_once: bool = False, deconvolution: str = "per_channel", deconvolution_trainable: bool | str = False,
    dropout: float = 0.5,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "fcn16s",
) -> keras.Model:  # fmt: skip
    """FCN-16s: the scores of fc7 enlarged twice, added to scores of pool4, and enlarged 16 times.

    Only the score layers start at zero: the others take the weights of a trained `FCN32s` with `transfer_weights`. With
    21 classes it has 134,357,354 parameters, and 134,815,994 with dense deconvolutions.

    Arguments, result and errors: see `FCN8s`.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FCN16s(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)
    """
    return _fcn(
        16,
        num_classes,
        input_shape=input_shape,
        padding=padding,
        filters=filters,
        fc_filters=fc_filters,
        at_once=at_once,
        deconvolution=deconvolution,
        deconvolution_trainable=deconvolution_trainable,
        dropout=dropout,
        activation=activation,
        include_preprocessing=include_preprocessing,
        name=name,
    )


def FCN32s(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    padding: str = "same", filters: Sequence[int] = (64, 128, 256, 512, 512), fc_filters: int = 4096,
    deconvolution: str = "per_channel", deconvolution_trainable: bool = False, dropout: float = 0.5,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "fcn32s",
) -> keras.Model:  # fmt: skip
    """FCN-32s: VGG16 with its dense layers turned into convolutions, scored and enlarged 32 times at once.

    Only the score layer starts at zero: give the others weights of VGG16 with `transfer_weights`. With 21 classes it
    has 134,346,581 parameters, and 136,152,917 with dense deconvolutions.

    Arguments, result and errors: see `FCN8s`. There is no `at_once`, and no "intermediate" enlargement to train.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.FCN32s(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)

    Reference: Long, Shelhamer and Darrell, "Fully Convolutional Networks for Semantic Segmentation", CVPR 2015,
        sections 3.1, 3.3 and 4.1.
    """
    if deconvolution_trainable == "intermediate":
        rule = "must be True or False in FCN-32s, whose only enlargement is the last"
        _validation.fail("deconvolution_trainable", rule, deconvolution_trainable)
    return _fcn(
        32,
        num_classes,
        input_shape=input_shape,
        padding=padding,
        filters=filters,
        fc_filters=fc_filters,
        at_once=False,
        deconvolution=deconvolution,
        deconvolution_trainable=deconvolution_trainable,
        dropout=dropout,
        activation=activation,
        include_preprocessing=include_preprocessing,
        name=name,
    )


def _fcn(
    output_stride: int,
    num_classes: int,
    *,
    input_shape: tuple[int | None, int | None, int],
    padding: str,
    filters: Sequence[int],
    fc_filters: int,
    at_once: bool,
    deconvolution: str,
    deconvolution_trainable: bool | str,
    dropout: float,
    activation: str | None,
    include_preprocessing: bool,
    name: str,
) -> keras.Model:
    """The FCN whose last enlargement is by `output_stride`; the other arguments are those of `FCN8s`."""
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters, fc_filters, dropout, padding = check_trunk(filters, fc_filters, dropout, padding)
    _validation.boolean("at_once", at_once)
    _validation.one_of("deconvolution", deconvolution, DECONVOLUTIONS)
    _validation.one_of("deconvolution_trainable", deconvolution_trainable, (False, True, "intermediate"))
    valid = padding == "valid"
    trainable = bool(deconvolution_trainable)

    # Encoder
    image = keras.Input(input_shape, name="image")
    x = preprocessed(image if valid else padded(image, 32), "caffe", include=include_preprocessing)
    maps = vgg16_trunk(x, filters, fc_filters, dropout=dropout, padding=padding)

    # Decoder
    x = _score(maps["fc7"], num_classes, "score_fr")
    for stride, (level, enlargement, offset, scale) in _SKIPS.items():
        if stride < output_stride:
            break
        x = _enlarge(x, 2, enlargement, kind=deconvolution, padding=padding, trainable=trainable)
        skip = maps[level]
        if at_once:
            skip = layers.Rescaling(scale, name=f"scale_{level}")(skip)
        skip = _score(skip, num_classes, f"score_{level}")
        if valid:
            skip = CropLike(offset, dtype="float32", name=f"score_{level}_crop")([skip, x])
        x = layers.Add(dtype="float32", name=f"fuse_{level}")([x, skip])

    # Head
    trainable = trainable and deconvolution_trainable != "intermediate"
    x = _enlarge(x, output_stride, f"upscore{output_stride}", kind=deconvolution, padding=padding, trainable=trainable)
    x = CropLike(_LAST_OFFSET[output_stride] if valid else 0, dtype="float32", name="crop")([x, image])
    return image_model(image, class_activation(x, activation), name=name)


def _score(x: Tensor, num_classes: int, name: str) -> Tensor:
    # Zero at first, as the authors do: each refinement then starts where the coarser model left off.
    return layers.Conv2D(num_classes, 1, kernel_initializer="zeros", name=name)(x)


def _enlarge(x: Tensor, strides: int, name: str, *, kind: str, padding: str, trainable: bool) -> Tensor:
    # In float32, like everything from the scores on: half precision would round the sums.
    # Of one channel, both are the same function, and the first one is trained on every processor.
    if kind == "per_channel" or x.shape[-1] == 1:
        return ChannelDeconvolution2D(strides, padding=padding, trainable=trainable, dtype="float32", name=name)(x)
    return layers.Conv2DTranspose(
        x.shape[-1],
        2 * strides,
        strides=strides,
        padding=padding,
        use_bias=False,
        kernel_initializer=Bilinear(),  # pyright: ignore[reportArgumentType]
        trainable=trainable,
        dtype="float32",
        name=name,
    )(x)
