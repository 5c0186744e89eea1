"""Perspective tilt."""

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Perspective(GeometricStep):
    """Tilt the picture's plane, so that one side comes nearer and the opposite side goes away.

    With a factor of f, one side of the picture is (1 + f) / (1 - f) times as large as the other.

    Args:
        factor: float below 0.5, for both directions, or (smallest, largest). Tilt about each axis. Defaults to 0.1.
        probability: float in 0..1. Defaults to 1.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Perspective(0.2).factor
        (-0.2, 0.2)
    """

    _draws = 2
    _projective = True

    def __init__(self, factor: Interval = 0.1, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        # Below 0.5 about both axes the plane's horizon stays outside the picture.
        self.factor = intervals.symmetric("factor", factor, 0.49)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        x = intervals.between(self.factor, draws[:, 1]) * 2.0 / frame.width
        y = intervals.between(self.factor, draws[:, 2]) * 2.0 / frame.height
        return self._when(ops, draws, matrix_of(ops, ((1, 0, 0), (0, 1, 0), (x, y, 1)))), frame
