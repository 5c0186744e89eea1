"""Shifting."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Translate(GeometricStep):
    """Shift along both axes, by whole pixels: alone it copies pixels instead of blurring them.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest). Shift as a fraction of the picture's width
            and height. Defaults to 0.1.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Translate(0.25).factor
        (-0.25, 0.25)
    """

    _draws = 2
    _whole_pixels = True

    def __init__(self, factor: Interval = 0.1, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.factor = intervals.symmetric("factor", factor, 1.0)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        x = ops.round(intervals.between(self.factor, draws[:, 1]) * frame.width)
        y = ops.round(intervals.between(self.factor, draws[:, 2]) * frame.height)
        return self._when(ops, draws, matrix_of(ops, ((1, 0, -x), (0, 1, -y), (0, 0, 1)))), frame
