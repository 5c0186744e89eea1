"""Enlarging and shrinking."""

import math

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Scale(GeometricStep):
    """Enlarge or shrink about the center.

    Args:
        factor: (smallest, largest) factor of the size, drawn uniformly in the logarithm, so that halving is as likely
            as doubling; one float f stands for (1 / f, f). Defaults to (0.5, 2.0).
        cover_crop: bool. Raises the factor until the image is at least as large as the crop, so that a crop without
            rotation contains nothing but the image. Defaults to False.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Scale(2).factor
        (0.5, 2.0)
    """

    _draws = 1

    def __init__(self, factor: Interval = (0.5, 2.0), *, cover_crop: bool = False, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.factor = intervals.reciprocal("factor", factor)
        self.cover_crop = _validation.boolean("cover_crop", cover_crop)
        self._stays_inside = self._covers_crop = self.cover_crop

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        low, high = self.factor
        if low == high:
            factor = low + 0.0 * draws[:, 1]
        else:
            factor = ops.exp(intervals.between((math.log(low), math.log(high)), draws[:, 1]))
        if self.probability < 1.0:
            factor = ops.where(self._active(draws), factor, 1.0)
        if self.cover_crop:
            height, width = (ops.cast(side, "float32") for side in frame.target)
            factor = ops.maximum(factor, ops.maximum(height / frame.height, width / frame.width))
        after = frame._replace(width=frame.width * factor, height=frame.height * factor)
        return matrix_of(ops, ((1.0 / factor, 0, 0), (0, 1.0 / factor, 0), (0, 0, 1))), after
