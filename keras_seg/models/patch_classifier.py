"""Classifiers of patches: what segmentation began with, one window at a time."""

import dataclasses

import keras
from keras import layers

from keras_seg import _validation, backbones
from keras_seg.models.parts.blocks import conv_blocks
from keras_seg.models.parts.image_model import check_common, image_model

HEADS = ("dense", "average")
PADDINGS = ("valid", "same")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Architecture:
    """The defaults that make one or the other."""

    patch_size: int
    filters: tuple
    convolutions: int
    kernel_size: int
    padding: str
    units: tuple
    normalized: bool


_ARCHITECTURES = {
    "lenet": _Architecture(
        patch_size=32,
        filters=(6, 16),
        convolutions=1,
        kernel_size=5,
        padding="valid",
        units=(120, 84),
        normalized=False,
    ),
    "vgg": _Architecture(
        patch_size=64,
        filters=(64, 128, 256),
        convolutions=2,
        kernel_size=3,
        padding="same",
        units=(256,),
        normalized=True,
    ),
}


def PatchClassifier(
    num_classes,
    *,
    input_shape=(None, None, 3),
    architecture="lenet",
    head="dense",
    patch_size=None,
    filters=None,
    units=None,
    padding=None,
    dropout=0.0,
    activation="softmax",
    include_preprocessing=True,
    name="patch_classifier",
):
    """A classifier of small patches, made to be slid over images: `keras_seg.surgery.convolutionalize` does it in one
    pass.

    | architecture | patch | trunk | dense head |
    |---|---|---|---|
    | `"lenet"` | 32 | 5x5 convolutions of 6 and 16, "valid", each with 2x2 max pooling: 28, 14, 10, 5 | 120, 84 |
    | `"vgg"` | 64 | three times two 3x3 convolutions with normalization, of 64, 128, 256, "same": 32, 16, 8 | 256 |

    Args:
        num_classes: int. Length of the output.
        input_shape: (height, width, channels). Height and width are the patch's; where they are None it is
            `patch_size`. Defaults to (None, None, 3).
        architecture: `"lenet"` or `"vgg"`. Defaults to `"lenet"`.
        head: `"dense"` (Flatten and Dense layers) or `"average"` (global average pooling and one Dense layer).
            Defaults to `"dense"`.
        patch_size: int, pair (height, width), or None for the architecture's own. Defaults to None.
        filters: sequence of ints, one for each block of convolutions and pooling, or None for the architecture's own.
            Defaults to None.
        units: sequence of ints, of the dense head's hidden layers, or None for the architecture's own. Defaults to
            None.
        padding: `"valid"`, with which one pass over an image equals the sliding window exactly; `"same"`; or None for
            the architecture's own. Defaults to None.
        dropout: float in [0, 1). Behind every hidden Dense layer. Defaults to 0.
        activation: `"softmax"`, `"sigmoid"`, or None for logits. Defaults to `"softmax"`.
        include_preprocessing: bool. True takes raw values 0..255 and normalizes inside. Defaults to True.
        name: str. Defaults to "patch_classifier".

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, num_classes)`, float32.

    Raises:
        ValueError: if an argument is not as above, or the patch is too small for the trunk.

    Examples:
        >>> import keras_seg as ks
        >>> ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1)).count_params()
        61706
        >>> model = ks.models.PatchClassifier(num_classes=2, architecture="vgg", head="average")
        >>> model.input_shape, model.output_shape
        ((None, 64, 64, 3), (None, 2))

    Reference: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proc. IEEE 1998, section II.B
        (LeNet-5; here with ReLU, max pooling and a dense last layer); Simonyan and Zisserman, "Very Deep Convolutional
        Networks", ICLR 2015, section 2.1, for `"vgg"`.
    """
    num_classes, input_shape = check_common(num_classes, input_shape, activation)
    _validation.boolean("include_preprocessing", include_preprocessing)
    plan = _ARCHITECTURES[_validation.one_of("architecture", architecture, _ARCHITECTURES)]
    _validation.one_of("head", head, HEADS)
    padding = plan.padding if padding is None else _validation.one_of("padding", padding, PADDINGS)
    filters = plan.filters if filters is None else _validation.integers("filters", filters)
    units = plan.units if units is None else _validation.integers("units", units)
    dropout = _validation.number("dropout", dropout, 0, 0.999)
    patch = _patch(input_shape, patch_size, plan.patch_size)
    _check_room(patch, len(filters), plan, padding)

    image = keras.Input((*patch, input_shape[-1]), name="image")
    x = backbones.Preprocessing("tf", name="preprocessing")(image) if include_preprocessing else image
    for level, width in enumerate(filters, start=1):
        if plan.normalized:
            x = conv_blocks(
                x, width, plan.convolutions, name=f"block{level}", kernel_size=plan.kernel_size, padding=padding
            )
        else:
            convolution = layers.Conv2D(
                width, plan.kernel_size, padding=padding, activation="relu", name=f"block{level}_conv"
            )
            x = convolution(x)
        x = layers.MaxPooling2D(2, name=f"block{level}_pool")(x)
    if head == "average":
        x = layers.GlobalAveragePooling2D(name="average")(x)
    else:
        x = layers.Flatten(name="flatten")(x)
        for index, width in enumerate(units, start=1):
            x = layers.Dense(width, activation="relu", name=f"dense{index}")(x)
            if dropout:
                x = layers.Dropout(dropout, name=f"dropout{index}")(x)
    x = layers.Dense(num_classes, name="logits")(x)
    x = layers.Activation(activation or "linear", dtype="float32", name="probabilities" if activation else "scores")(x)
    return image_model(image, x, name=name)


def _patch(input_shape, patch_size, default):
    """(height, width) of the patch, from the two arguments that may say it."""
    size = _validation.pair("patch_size", default if patch_size is None else patch_size)
    patch = tuple(side or given for side, given in zip(input_shape, size, strict=False))
    if patch_size is not None and patch != size:
        _validation.fail("patch_size", f"must agree with input_shape={tuple(input_shape)}", patch_size, "Give one.")
    return patch


def _check_room(patch, levels, plan, padding):
    """Whether a pixel is left behind the last pooling."""
    loss = (plan.kernel_size - 1) * plan.convolutions if padding == "valid" else 0
    smallest = 1
    for _ in range(levels):
        smallest = 2 * smallest + loss
    if min(patch) < smallest:
        _validation.fail(
            "patch_size", f"must be at least {smallest} with {levels} levels", patch, "Or pass fewer `filters`."
        )
