"""The smallest image that a network accepts."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.reach_bases import Pointwise


def check_minimum(shape: tuple[int | None, ...], minimum: Size, why: str) -> None:
    """Fail unless both sides of `shape` = (height, width, channels) are unknown or at least `minimum`."""
    least = _validation.pair("minimum", minimum)
    if any(side is not None and side < bound for side, bound in zip(shape[:2], least, strict=True)):
        nearest = tuple(side and max(side, bound) for side, bound in zip(shape[:2], least, strict=True))
        rule = f"must have sides of at least {minimum}, {why}"
        _validation.fail("input_shape", rule, tuple(shape), f"Nearest: {nearest}.")


@keras.saving.register_keras_serializable("keras_seg")
class MinimumSize(Pointwise):
    """Returns images unchanged, and fails for images that are known to be too small.

    Args:
        minimum: int or pair of ints (height, width). The smallest size in pixels.
        why: str. The end of the error text "must have sides of at least 193, ...".
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        InputError: if a side is too small; the error names the nearest valid size.

    Examples:
        >>> MinimumSize(193, "or nothing is left")(keras.Input((224, 224, 3))).shape
        (None, 224, 224, 3)
    """

    def __init__(self, minimum: Size, why: str, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "autocast": False})  # Half precision would round raw pixels.
        self.minimum: Size = minimum if isinstance(minimum, int) else (minimum[0], minimum[1])
        self.why = why

    def call(self, inputs: Tensor) -> Tensor:
        check_minimum(inputs.shape[1:], self.minimum, self.why)
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "minimum": self.minimum, "why": self.why}
