"""Cropping one map to the size of another."""

from fractions import Fraction
from typing import Any

import keras

from keras_seg import _ops, _validation
from keras_seg._types import Size, Tensor
from keras_seg.layers.map_lists import check_map_and_like
from keras_seg.layers.reach import Reaches, shifted


@keras.saving.register_keras_serializable("keras_seg")
class CropLike(keras.layers.Layer):
    """Crops the first of two maps to the height and width of the second.

    Args:
        offset: int or pair of ints (top, left). Where the crop starts. Defaults to 0, which undoes `PadToStride`.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the list `[map, like]`; only the size of `like` is used.

    Input shape: `[(batch, height, width, channels), (batch, like_height, like_width, any)]`.

    Output shape: `(batch, like_height, like_width, channels)`.

    Raises:
        InputError: if `offset` is negative, the inputs are not two maps, or the map is known to be too small.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> ks.layers.CropLike()([np.zeros((1, 64, 64, 2)), np.zeros((1, 50, 60, 3))]).shape[1:3] == (50, 60)
        True
    """

    def __init__(self, offset: Size = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.offset = _validation.pair("offset", offset, minimum=0)

    def build(self, input_shape: Any) -> None:
        check_map_and_like(input_shape)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x, like = inputs
        top, left = self.offset
        height, width = _ops.spatial_size(like)
        for have, need in zip(_ops.spatial_size(x), (top + height, left + width), strict=True):
            if isinstance(have, int) and isinstance(need, int) and have < need:
                _validation.fail(
                    "inputs", f"must hold a map of at least {need} pixels where it has {have}", tuple(x.shape)
                )
        return x[:, top : top + height, left : left + width, :]

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        return None if position == 1 else [shifted(self.offset[axis])]

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        (batch, _, _, channels), (_, height, width, _) = input_shape
        return (batch, height, width, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "offset": self.offset}
