"""Resizing of one map to the size of another."""

from fractions import Fraction
from typing import Any

import keras

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.layers.map_lists import check_map_and_like
from keras_seg.layers.reach import Reaches, aligned, resized
from keras_seg.layers.resize2d import INTERPOLATIONS, bicubic_to_size, checked_alignment


@keras.saving.register_keras_serializable("keras_seg")
class ResizeLike(keras.layers.Layer):
    """Resizes the first of two maps to the height and width of the second.

    Pixel centers lie at half integers, unless `align_corners` is set, and `"bicubic"` has the weights of `Resize2D`,
    whose results it equals where the second map is larger by a whole factor.

    Args:
        interpolation: `"nearest"`, `"bilinear"` or `"bicubic"`. Defaults to `"bilinear"`.
        align_corners: bool. True puts the centers of the corner pixels of both maps on one another, as nets of PyTorch
            with this setting need; only for `"bilinear"`. Defaults to False.
        **kwargs: name, dtype and the like, as for every Keras layer.

    Call arguments:
        inputs: the list `[map, like]`; only the size of `like` is used.

    Input shape: `[(batch, height, width, channels), (batch, like_height, like_width, any)]`.

    Output shape: `(batch, like_height, like_width, channels)`.

    Raises:
        InputError: if an argument is invalid, or the inputs are not two maps.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> x, like = np.array([1.0, 2.0]).reshape(1, 1, 2, 1), np.zeros((1, 1, 4, 3))
        >>> np.array(ks.layers.ResizeLike()([x, like])).ravel().tolist()
        [1.0, 1.25, 1.75, 2.0]
    """

    def __init__(self, interpolation: str = "bilinear", *, align_corners: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.interpolation = _validation.one_of("interpolation", interpolation, INTERPOLATIONS)
        self.align_corners = checked_alignment(interpolation, align_corners=align_corners)

    def build(self, input_shape: Any) -> None:
        check_map_and_like(input_shape)
        self.built = True

    def call(self, inputs: Tensor) -> Tensor:
        x, like = inputs
        if self.align_corners:
            return _ops.resize_aligned(x, _ops.spatial_size(like))
        if self.interpolation == "bicubic":
            return bicubic_to_size(x, _ops.spatial_size(like))
        return _ops.resize(x, _ops.spatial_size(like), self.interpolation)

    def receptive_reach(
        self, position: int, axis: int, *, size: int | None, output_size: int | None, scale: Fraction | None
    ) -> Reaches:
        """See `keras_seg.layers.reach`."""
        if position == 1:
            return None
        if self.align_corners:
            return aligned(size, output_size)
        return resized(size, output_size, scale, self.interpolation)

    def compute_output_shape(self, input_shape: Any) -> tuple[Any, ...]:
        (batch, _, _, channels), (_, height, width, _) = input_shape
        return (batch, height, width, channels)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation, "align_corners": self.align_corners}
