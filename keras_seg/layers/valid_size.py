"""The sizes that a U-Net without padding takes."""

from typing import Any

import keras

from keras_seg import _validation
from keras_seg._types import Tensor


@keras.saving.register_keras_serializable("keras_seg")
class ValidSize(keras.layers.Layer):
    """Passes images whose sides a U-Net without padding can halve `depth` times, and fails on others.

    Compiled for unknown sizes it passes every image, and for a size that does not fit, the output lacks rows at the
    bottom or columns at the right.

    Args:
        depth: int. Poolings.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Input shape: `(batch, height, width, channels)`.

    Output shape: that of the input.

    Raises:
        InputError: if a side does not fit; the nearest ones that do are named.

    Examples:
        >>> ValidSize(4)(keras.Input((572, 572, 1))).shape
        (None, 572, 572, 1)

    Reference: Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, section 2: "it is important to select the input tile
        size such that all 2x2 max-pooling operations are applied to a layer with an even x- and y-size".
    """

    def __init__(self, depth: int, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "autocast": False})  # Half precision would round raw pixels.
        self.depth = _validation.integer("depth", depth)

    def check_image(self, shape: tuple[int | None, ...]) -> None:
        """Fail unless images of a shape (height, width, channels) suit."""
        _check_size(shape, self.depth)

    def call(self, inputs: Tensor) -> Tensor:
        self.check_image(inputs.shape[1:])
        return inputs

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "depth": self.depth}


def _check_size(shape: Any, depth: int) -> None:
    """Fail unless the sides of an image (height, width, channels) suit `depth` poolings; None suits.

    A side fits when every pooling finds an even number of pixels and the decoder leaves some: 12 modulo 16 and at
    least 188 with four poolings.
    """
    stride = 2**depth
    # Enlarged 2^depth times, the pixels that the deepest convolutions leave must be more than the 4 * (2^depth - 1)
    # that the decoder's convolutions remove; the encoder's remove as many before.
    left = 4 * (stride - 1) // stride + 1
    smallest = stride * (left + 4) + 4 * (stride - 1)
    for side in shape[:2]:
        if side is None or (side >= smallest and (side - smallest) % stride == 0):
            continue
        below = max(smallest, side - (side - smallest) % stride)
        legal = [below] if side < smallest else [below, below + stride]
        _validation.fail(
            "input_shape",
            f"must have sides of {smallest % stride} modulo {stride}, at least {smallest}",
            tuple(shape),
            f"Nearest to {side}: {' and '.join(map(str, legal))}.",
        )
