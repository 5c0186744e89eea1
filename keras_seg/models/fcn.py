"""What FCN-32s, FCN-16s and FCN-8s share: the trunk, the scores of its levels, and their fusion."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg.backbones import Preprocessing
from keras_seg.initializers import Bilinear
from keras_seg.layers import ChannelDeconvolution2D, CropLike, PadToStride
from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, image_model
from keras_seg.models.parts.vgg16_trunk import check_trunk, vgg16_trunk

DECONVOLUTIONS = ("per_channel", "dense")
TRAINABLE = (False, True, "intermediate")

# stride -> (level, name of the enlargement before it, crop offset under "valid", scale of the at-once variant):
# voc-fcn8s/net.py and voc-fcn8s-atonce/net.py of the authors' repository.
_SKIPS = {16: ("pool4", "upscore2", 5, 0.01), 8: ("pool3", "upscore_pool4", 9, 0.0001)}
# Crop offset of the last enlargement under "valid", by its stride.
_LAST_OFFSET = {32: 19, 16: 27, 8: 31}


def fcn(
    output_stride,
    num_classes,
    input_shape,
    *,
    padding,
    filters,
    fc_filters,
    dropout,
    at_once,
    deconvolution,
    deconvolution_trainable,
    activation,
    include_preprocessing,
    name,
):
    """The FCN whose last enlargement is by `output_stride`; the other arguments are those of `FCN8s`."""
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("include_preprocessing", include_preprocessing)
    filters, fc_filters, dropout, padding = check_trunk(filters, fc_filters, dropout, padding)
    _validation.one_of("deconvolution", deconvolution, DECONVOLUTIONS)
    _validation.one_of("deconvolution_trainable", deconvolution_trainable, TRAINABLE)
    valid = padding == "valid"

    def score(x, name):
        # As the authors do: the new layers start by saying nothing, and each refinement where the coarser net left off.
        return layers.Conv2D(num_classes, 1, kernel_initializer="zeros", name=name)(x)

    def enlarge(x, strides, name, last=False):
        learned = not last if deconvolution_trainable == "intermediate" else bool(deconvolution_trainable)
        if deconvolution == "per_channel":
            return ChannelDeconvolution2D(strides, padding=padding, trainable=learned, dtype="float32", name=name)(x)
        return layers.Conv2DTranspose(
            num_classes,
            2 * strides,
            strides=strides,
            padding=padding,
            use_bias=False,
            kernel_initializer=Bilinear(),
            trainable=learned,
            dtype="float32",  # As everywhere from the scores on: half precision would round what is added up.
            name=name,
        )(x)

    image = keras.Input(input_shape, name="image")
    x = image if valid else PadToStride(32, dtype="float32", name="pad_to_stride")(image)
    if include_preprocessing:
        x = Preprocessing("caffe", name="preprocessing")(x)
    maps = vgg16_trunk(x, filters, fc_filters, dropout=dropout, padding=padding)

    x = score(maps["fc7"], "score_fr")
    for stride, (level, enlargement, offset, scale) in _SKIPS.items():
        if stride < output_stride:
            break
        x = enlarge(x, 2, enlargement)
        skip = maps[level]
        if at_once:
            skip = layers.Rescaling(scale, name=f"scale_{level}")(skip)
        skip = score(skip, f"score_{level}")
        if valid:
            skip = CropLike(offset, dtype="float32", name=f"score_{level}_crop")([skip, x])
        x = layers.Add(dtype="float32", name=f"fuse_{level}")([x, skip])
    x = enlarge(x, output_stride, f"upscore{output_stride}", last=True)
    x = CropLike(_LAST_OFFSET[output_stride] if valid else 0, dtype="float32", name="crop")([x, image])
    return image_model(image, class_activation(x, activation), name=name)
