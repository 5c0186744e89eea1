"""Classifiers of patches: what segmentation began with, one window at a time."""

import dataclasses
from collections.abc import Sequence

import keras
from keras import layers

from keras_seg import _validation
from keras_seg._types import Size
from keras_seg.models.parts.blocks import conv_blocks
from keras_seg.models.parts.heads import class_activation
from keras_seg.models.parts.image_model import check_common, check_dropout, image_model, preprocessed

HEADS = ("dense", "average")
PADDINGS = ("valid", "same")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Architecture:
    """The defaults of an architecture."""

    patch_size: int
    filters: tuple[int, ...]
    convolutions: int
    kernel_size: int
    padding: str
    units: tuple[int, ...]
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
    num_classes: int, *, input_shape: tuple[int | None, int | None, int] = (None, None, 3),
    architecture: str = "lenet", head: str = "dense", patch_size: Size | None = None,
    filters: Sequence[int] | None = None, units: Sequence[int] | None = None, padding: str | None = None,
    dropout: float = 0.0,
    activation: str | None = "softmax", include_preprocessing: bool = True, name: str = "patch_classifier",
) -> keras.Model:  # fmt: skip
    """A classifier of small patches, to slide over images: `keras_seg.surgery.convolutionalize` does so in one pass.

    | architecture | patch | trunk | dense head |
    |---|---|---|---|
    | `"lenet"` | 32 | 5x5 convolutions of 6 and 16, "valid", each with 2x2 max pooling: 28, 14, 10, 5 | 120, 84 |
    | `"vgg"` | 64 | three times two 3x3 convolutions with normalization, of 64, 128, 256, "same": 32, 16, 8 | 256 |

    Args:
        num_classes: int. Length of the output.
        input_shape: tuple. (height, width, channels). Height and width are those of the patch; `patch_size` replaces
            those that are None. Defaults to (None, None, 3).
        architecture: str. `"lenet"` or `"vgg"`. Defaults to `"lenet"`.
        head: str. `"dense"` (Flatten and Dense layers) or `"average"` (global average pooling and one Dense layer).
            Defaults to `"dense"`.
        patch_size: int, (height, width) or None. None for the architecture's own. Defaults to None.
        filters: sequence of ints or None. One for each block of convolutions and pooling; None for the architecture's
            own. Defaults to None.
        units: sequence of ints or None. Of the hidden layers of the dense head; None for the architecture's own.
            Defaults to None.
        padding: str or None. `"valid"`, with which one pass over an image equals the sliding window exactly; `"same"`;
            or None for the architecture's own. Defaults to None.
        dropout: float. In [0, 1), behind every hidden layer of the dense head. Defaults to 0.
        include_preprocessing: bool. True takes raw values in 0..255 and normalizes inside. Defaults to True.

    Other arguments: see `UNet`.

    Returns:
        A functional `keras.Model` from `(batch, height, width, channels)` to `(batch, num_classes)`, float32.

    Raises:
        InputError: if an argument is not as above or has no effect beside the others, or the patch is too small for
            the trunk.

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
    plan = _ARCHITECTURES[_validation.one_of("architecture", architecture, _ARCHITECTURES)]
    _validation.one_of("head", head, HEADS)
    padding = plan.padding if padding is None else padding
    _validation.one_of("padding", padding, PADDINGS)
    filters = plan.filters if filters is None else _validation.integers("filters", filters)
    dropout = check_dropout(dropout)
    if head == "average":
        _check_average(units=units, dropout=dropout or None)
    units = plan.units if units is None else _validation.integers("units", units)
    patch = _patch(input_shape, patch_size, plan.patch_size)
    _check_room(patch, len(filters), plan, padding)

    # Trunk
    image = keras.Input((*patch, input_shape[-1]), name="image")
    x = preprocessed(image, "tf", include=include_preprocessing)
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

    # Head
    if head == "average":
        x = layers.GlobalAveragePooling2D(name="average")(x)
    else:
        x = layers.Flatten(name="flatten")(x)
        for index, width in enumerate(units, start=1):
            x = layers.Dense(width, activation="relu", name=f"dense{index}")(x)
            if dropout:
                x = layers.Dropout(dropout, name=f"dropout{index}")(x)
    x = layers.Dense(num_classes, name="logits")(x)
    return image_model(image, class_activation(x, activation), name=name)


def _check_average(**arguments: object) -> None:
    """Fail where an argument of the dense head was given for the other one."""
    for name, value in arguments.items():
        if value is not None:
            rule = 'has no effect with head="average", which has no hidden layers'
            _validation.fail(name, rule, value, 'Leave it out, or pass head="dense".')


def _patch(input_shape: tuple[int | None, int | None, int], patch_size: Size | None, default: int) -> tuple[int, int]:
    """(height, width) of the patch, from the two arguments that can set it."""
    size = _validation.pair("patch_size", default if patch_size is None else patch_size)
    patch = (input_shape[0] or size[0], input_shape[1] or size[1])
    if patch_size is not None and patch != size:
        rule = f"must agree with input_shape={tuple(input_shape)}"
        _validation.fail("patch_size", rule, patch_size, "Pass one of the two.")
    return patch


def _check_room(patch: tuple[int, int], levels: int, plan: _Architecture, padding: str) -> None:
    """Fail unless a pixel is left behind the last pooling."""
    loss = (plan.kernel_size - 1) * plan.convolutions if padding == "valid" else 0
    smallest = 1
    for _ in range(levels):
        smallest = 2 * smallest + loss
    if min(patch) < smallest:
        _validation.fail(
            "patch_size", f"must be at least {smallest} with {levels} levels", patch, "Or pass fewer `filters`."
        )
