"""A convolution before a pixel shuffle that starts without a checkerboard."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor


@keras.saving.register_keras_serializable("keras_seg")
class ICNR(keras.initializers.Initializer):
    """The kernel of a convolution before `PixelShuffle2D`, the same for all pixels of a block.

    Convolution and shuffle then begin as the convolution to C channels, resized by nearest neighbor. The kernel to C
    channels comes from `initializer` and is repeated in `PixelShuffle2D`'s channel order, (i * factor + j) * C + c.

    Args:
        factor: int. The factor of the shuffle. Defaults to 2.
        initializer: a Keras initializer, for the kernel (height, width, inputs, C). Defaults to `"he_normal"`.

    Call arguments:
        shape: (height, width, inputs, C * factor * factor).
        dtype: str. Defaults to Keras' float type.

    Raises:
        InputError: if an argument is not as above, or the last axis is not a multiple of `factor * factor`.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> kernel = np.array(ks.initializers.ICNR(2)((3, 3, 5, 8)))  # Two channels, four pixels each.
        >>> [bool((kernel[..., :2] == kernel[..., n : n + 2]).all()) for n in (2, 4, 6)]
        [True, True, True]

    Reference: Aitken et al., "Checkerboard artifact free sub-pixel convolution" (2017), section 3.3.
    """

    def __init__(self, factor: int = 2, *, initializer: Any = "he_normal") -> None:
        self.factor = _validation.integer("factor", factor)
        self.initializer = keras.initializers.get(initializer)
        if self.initializer is None:
            _validation.fail("initializer", "must be a Keras initializer", initializer)

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Tensor:
        """The kernel."""
        *inputs, filters = shape
        if filters % self.factor**2 != 0:
            _validation.fail(
                "shape", f"must end in a multiple of factor * factor = {self.factor**2} filters", tuple(shape)
            )
        kernel = self.initializer((*inputs, filters // self.factor**2), dtype=dtype or keras.config.floatx())
        return ops.tile(kernel, [1] * len(inputs) + [self.factor**2])

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {"factor": self.factor, "initializer": keras.initializers.serialize(self.initializer)}
