"""The networks of keras.applications, by name: which there are, what they expect, and how one is made."""

import re
import warnings
from typing import Any

import keras

from keras_seg._graph import replay
from keras_seg._types import Tensor
from keras_seg.layers.preprocessing import Preprocessing

# The normalization each family was trained with; the first pattern that matches the whole name counts.
_PREPROCESSING = (
    (r"ResNet\d+V2", "tf"),
    (r"ResNet\d+", "caffe"),
    (r"VGG\d+", "caffe"),
    (r"MobileNet(V2|V3Large|V3Small)?", "tf"),
    (r"EfficientNetV2B\d", "torch"),
    (r"EfficientNetV2[SML]", "tf128"),
    (r"EfficientNetB\d", "torch"),
    (r"DenseNet\d+", "torch"),
    (r"ConvNeXt\w+", "torch"),
    (r"(Xception|InceptionV3|InceptionResNetV2)", "tf"),
)

# These can leave their own preprocessing out; ours takes its place, the same for every channel count.
_HAS_PREPROCESSING_ARGUMENT = r"(MobileNetV3|EfficientNetV2|ConvNeXt)\w+"
# EfficientNet (V1) always brings Rescaling and Normalization layers.
_ALWAYS_PREPROCESSES = r"EfficientNetB\d"
# Valid convolutions in these give maps that are not exactly 2^n times smaller.
_HAS_VALID_CONVOLUTIONS = r"(Xception|InceptionV3|InceptionResNetV2)"


def application_names() -> list[str]:
    """The names of the supported networks of the installed Keras, in alphabetical order."""
    return sorted(name for name in dir(keras.applications) if preprocessing_mode(name) is not None)


def preprocessing_mode(name: str) -> str | None:
    """The `Preprocessing` mode that network `name` was trained with, or None for an unknown network."""
    return next((mode for pattern, mode in _PREPROCESSING if re.fullmatch(pattern, name)), None)


def mode_of(model: keras.Model) -> str | None:
    """The `Preprocessing` mode that a network of keras.applications was trained with, or None for other models.

    Their names are those of the functions, with other capitals and further signs: "mobilenetv2_1.00_224".
    """
    letters = re.sub(r"[^a-z0-9]", "", model.name.lower())
    found = [name for name in application_names() if letters.startswith(name.lower())]
    return preprocessing_mode(max(found, key=len)) if found else None


def published_network(name: str, *, channels: int = 3, weights: str | None = None) -> keras.Model:
    """The network exactly as keras.applications makes it, without its classifier: the layout of its weight files."""
    with warnings.catch_warnings():
        # "usually expects 1 or 3 input channels", "weights for input shape (224, 224) will be loaded": as intended.
        warnings.simplefilter("ignore")
        return getattr(keras.applications, name)(
            include_top=False, weights=weights, input_shape=(None, None, channels), **_without_preprocessing(name)
        )


def network(
    name: str, input_shape: tuple[int | None, int | None, int], *, include_preprocessing: bool | str = True
) -> keras.Model:
    """Network `name`, untrained, behind our `Preprocessing`, with maps that are exactly 2^n times smaller.

    `include_preprocessing` is a bool or a mode of `Preprocessing`. Except for Normalization layers, the weights are
    those of `published_network`, in the same order.
    """
    inputs = keras.Input(input_shape, name="image")
    x = inputs
    if include_preprocessing:
        mode = include_preprocessing if isinstance(include_preprocessing, str) else preprocessing_mode(name)
        x = Preprocessing(mode, name="preprocessing")(x)
    if re.fullmatch(_ALWAYS_PREPROCESSES, name) or re.fullmatch(_HAS_VALID_CONVOLUTIONS, name):
        return _adapted(published_network(name, channels=input_shape[-1]), x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return getattr(keras.applications, name)(
            include_top=False, weights=None, input_tensor=x, input_shape=input_shape, **_without_preprocessing(name)
        )


def _without_preprocessing(name: str) -> dict[str, bool]:
    return {"include_preprocessing": False} if re.fullmatch(_HAS_PREPROCESSING_ARGUMENT, name) else {}


def _adapted(published: keras.Model, x: Tensor) -> keras.Model:
    """A copy of `published` on top of `x`, without its own preprocessing and with "same" in place of "valid" windows.

    A 3x3 window of stride 2 over an even size samples the same grid under "same" as under "valid", and one more row
    and column: what changes is the border, and the maps line up with the image.
    """

    def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(operation, (keras.layers.Rescaling, keras.layers.Normalization)):
            return args[0]
        if not isinstance(operation, keras.layers.Layer):
            return operation(*args, **kwargs)
        config = operation.get_config()
        if config.get("padding") == "valid" and _overlaps(operation) and not _is_padded(args[0]):
            config["padding"] = "same"
        return operation.__class__.from_config(config)(*args, **kwargs)

    tensors = replay(published, x, call)
    return keras.Model(keras.utils.get_source_inputs(x)[0], tensors[id(published.outputs[0])], name=published.name)


def _overlaps(layer: keras.layers.Layer) -> bool:
    """Whether neighboring windows of a convolution or pooling share pixels; others need no padding to line up."""
    window = getattr(layer, "kernel_size", getattr(layer, "pool_size", ()))
    return any(size > stride for size, stride in zip(window, layer.strides, strict=True))


def _is_padded(tensor: Tensor) -> bool:
    return isinstance(tensor._keras_history.operation, keras.layers.ZeroPadding2D)
