"""Rotation by quarter turns."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Rotate90(GeometricStep):
    """Rotate by 0, 90, 180 or 270 degrees, each equally likely: an exact permutation of the pixels.

    The picture's sides change places. With a crop, nothing else changes; without one, the result keeps the size of the
    input and shows the middle part of images that are not square.

    Args:
        probability: float in 0..1, of choosing a random quarter turn (which may be 0 degrees). Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Rotate90()
        Rotate90(probability=1.0)
    """

    _draws = 1
    _whole_pixels = True

    def __init__(self, *, probability: float = 1.0) -> None:
        super().__init__(probability)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        quarter = ops.minimum(ops.floor(draws[:, 1] * 4.0), 3.0)
        quarter = ops.where(self._active(draws), quarter, 0.0)
        # Exact, as the cosine of a float32 pi / 2 is not.
        cos = ops.where(quarter == 0.0, 1.0, ops.where(quarter == 2.0, -1.0, 0.0))
        sin = ops.where(quarter == 1.0, 1.0, ops.where(quarter == 3.0, -1.0, 0.0))
        turned = ops.abs(sin) > 0.5
        after = frame._replace(
            width=ops.where(turned, frame.height, frame.width), height=ops.where(turned, frame.width, frame.height)
        )
        return matrix_of(ops, ((cos, sin, 0), (-sin, cos, 0), (0, 0, 1))), after
