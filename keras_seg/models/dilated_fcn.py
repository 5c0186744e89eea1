"""The network of Yu and Koltun: VGG16 that stops compressing at stride 8, and a context module on its scores."""

from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg.layers import CropLike, PadToStride, Resize2D
from keras_seg.models.parts.context_module import CONTEXTS, context_module
from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, image_model, preprocessed
from keras_seg.models.parts.vgg16_trunk import check_trunk, dilated_vgg16

_STRIDE = 8

# Half of the receptive field of 380 pixels beyond the stride: what valid convolutions remove on each side.
_MARGIN = 186


def DilatedFCN(
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    padding: str = "same", context: str | None = "basic", filters: Sequence[int] = (64, 128, 256, 512, 512),
    fc_filters: int = 4096, dropout: float = 0.5,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "dilated_fcn",
) -> keras.Model:  # fmt: skip
    """Dilated VGG16 with a context module: dense scores at stride 8 that see all of a large image.

    The last two poolings of VGG16 are gone, and every convolution after them is dilated by what they would have
    compressed: 2 in block 5, 4 in fc6. Layers have the names of VGG16 and of `FCN32s`, so that `transfer_weights` takes
    the weights of either. The context module starts as the identity and sums up the surroundings of a pixel.

    The paper trains in stages: first without context (`context=None`), then with it, from the first model's weights.

    Args:
        padding: str. `"same"`, where every layer pads with zeros; or `"valid"`, the authors' geometry: the image is
            mirrored by 186 pixels on each side and no convolution pads, except for 33 zeros around the input of the
            context module. Either takes any size, reflected up to a multiple of 8, and returns it. Defaults to
            `"same"`.
        context: str or None. `"basic"`, `"large"`, or None for the front end alone. Defaults to `"basic"`.

    Other arguments: see `FCN8s`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, height, width,
        num_classes)`, float32. With 21 classes it has 134,346,581 parameters without context, and 28,392 more with the
        basic one.

    Raises:
        InputError: if an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> model = ks.models.DilatedFCN(num_classes=21, filters=(4, 8, 8, 8, 8), fc_filters=16)
        >>> model.output_shape
        (None, None, None, 21)

    Reference: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", ICLR 2016, sections 3 and 4 and
        table 1.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    filters, fc_filters, dropout, padding = check_trunk(filters, fc_filters, dropout, padding)
    _validation.one_of("context", context, (None, *CONTEXTS))

    # Encoder
    image = keras.Input(input_shape, name="image")
    margin = _MARGIN if padding == "valid" else 0
    x = PadToStride(_STRIDE, margin=margin, dtype="float32", name="pad_to_stride")(image)
    x = preprocessed(x, "caffe", include=include_preprocessing)
    x = dilated_vgg16(x, filters, fc_filters, dropout=dropout, padding=padding)

    # Head
    x = layers.Conv2D(num_classes, 1, name="score_fr")(x)
    if context:
        x = context_module(x, context, padding)
    x = Resize2D(_STRIDE, interpolation="bilinear", dtype="float32", name="enlarge")(x)
    x = CropLike(dtype="float32", name="crop")([x, image])
    return image_model(image, class_activation(x, activation), name=name)
