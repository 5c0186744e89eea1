"""Yu and Koltun's net: VGG16 that stops compressing at stride 8, and a context module on its scores."""

import keras
from keras import layers

from keras_seg import _validation
from keras_seg.backbones import Preprocessing
from keras_seg.layers import CropLike, PadToStride, Resize2D
from keras_seg.models.parts.context_module import CONTEXTS, context_module
from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, image_model
from keras_seg.models.parts.vgg16_trunk import check_trunk, dilated_vgg16

_STRIDE = 8

# Half of what the receptive field of 380 pixels has beyond the stride: what valid convolutions eat on each side.
_MARGIN = 186


def DilatedFCN(
    num_classes,
    *,
    input_shape=(None, None, 3),
    padding="same",
    context="basic",
    filters=(64, 128, 256, 512, 512),
    fc_filters=4096,
    dropout=0.5,
    activation="softmax",
    include_preprocessing=True,
    name="dilated_fcn",
):
    """Dilated VGG16 with a context module: dense scores at stride 8 that see all of a large image.

    The last two poolings of VGG16 are gone, and every convolution after them is dilated by what they would have
    compressed: 2 in block 5, 4 in fc6. Layers have the names of VGG16 and of `FCN32s`, so that `transfer_weights` takes
    either's weights. The context module starts as the identity and adds up what surrounds a pixel.

    The paper trains in stages: first without context (`context=None`), then that net's weights, transferred, with it.

    Args:
        num_classes: int. Channels of the output.
        input_shape: (height, width, channels), where height and width may be None. Defaults to (None, None, 3).
        padding: `"same"`, where every layer pads with zeros; or `"valid"`, the authors' geometry: the image is mirrored
            by 186 pixels on each side and no convolution pads, but for 33 zeros around what the context module reads.
            Either takes any size, reflected up to a multiple of 8, and returns it. Defaults to `"same"`.
        context: `"basic"`, `"large"`, or None for the front end alone. Defaults to `"basic"`.
        filters: five ints, of VGG16's blocks. Defaults to (64, 128, 256, 512, 512).
        fc_filters: int, of fc6 and fc7. Defaults to 4096.
        dropout: float in [0, 1), after fc6 and fc7. Defaults to 0.5.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw RGB in 0..255 and normalizes inside, as VGG16 was trained (BGR minus
            the mean color). Defaults to True.
        name: str. Defaults to "dilated_fcn".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width,
        num_classes)`, float32. With 21 classes it has 134,346,581 parameters without context, and 28,392 more with the
        basic one.

    Raises:
        ValueError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DilatedFCN(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)

    Reference: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, sections 3 and 4 and
        table 1.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("include_preprocessing", include_preprocessing)
    filters, fc_filters, dropout, padding = check_trunk(filters, fc_filters, dropout, padding)
    _validation.one_of("context", context, (None, *CONTEXTS))
    image = keras.Input(input_shape, name="image")
    margin = _MARGIN if padding == "valid" else 0
    x = PadToStride(_STRIDE, margin=margin, dtype="float32", name="pad_to_stride")(image)
    if include_preprocessing:
        x = Preprocessing("caffe", name="preprocessing")(x)
    x = dilated_vgg16(x, filters, fc_filters, dropout=dropout, padding=padding)
    x = layers.Conv2D(num_classes, 1, name="score_fr")(x)
    if context:
        x = context_module(x, context, padding)
    x = Resize2D(_STRIDE, interpolation="bilinear", dtype="float32", name="enlarge")(x)
    x = CropLike(dtype="float32", name="crop")([x, image])
    return image_model(image, class_activation(x, activation), name=name)
