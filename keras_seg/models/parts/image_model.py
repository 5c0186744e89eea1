"""The two ends of every model: the image that goes in, and the model that declares which images it takes."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.layers.preprocessing import Preprocessing


def check_common(
    num_classes: int, input_shape: Any, activation: str | None
) -> tuple[int, tuple[int | None, int | None, int]]:
    """`num_classes` and `input_shape` in their normal form, if the activation makes sense."""
    num_classes = _validation.integer("num_classes", num_classes)
    _validation.one_of("activation", activation, ("softmax", "sigmoid", None))
    if num_classes == 1 and activation == "softmax":
        _validation.fail(
            "num_classes",
            "must be at least 2 with activation='softmax', whose single class would always be 1",
            num_classes,
            "Pass num_classes=2, or activation='sigmoid'.",
        )
    return num_classes, _validation.image_shape("input_shape", input_shape)


def check_dropout(dropout: float) -> float:
    """`dropout` as a float, if it is a rate that leaves units to compute with."""
    return _validation.number("dropout", dropout, 0, 0.999)


def preprocessed(x: Tensor, mode: str, *, include: bool | str) -> Tensor:
    """The image `x`, normalized by `Preprocessing(mode)` where that is included: `include` must be True or False."""
    if not _validation.boolean("include_preprocessing", include):
        return x
    return Preprocessing(mode, name="preprocessing")(x)


def image_model(image: Tensor, outputs: Tensor, name: str) -> keras.Model:
    """The functional model from `image` to `outputs`.

    By default Keras lets images without a batch axis, and any number of channels where one is expected, into the graph,
    and the first layer that they do not fit fails with pages about its arguments. This fails at once, in one line.
    """
    model = keras.Model(image, outputs, name=name)
    model.input_spec = keras.layers.InputSpec(shape=tuple(image.shape), name="image")
    return model
