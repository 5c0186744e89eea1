"""Transforms that are one 3x3 matrix: rotation, shearing, scaling, shifting, perspective."""

import math

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Rotate(GeometricStep):
    """Rotate about the center.

    Args:
        angle: float in degrees, for both directions, or (smallest, largest), clockwise. Defaults to 15.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Rotate(15).angle
        (-15.0, 15.0)
    """

    _draws = 1

    def __init__(self, angle: Interval = 15.0, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.angle = intervals.symmetric("angle", angle, 360.0)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        angle = intervals.between(self.angle, draws[:, 1]) * (math.pi / 180.0)
        cos, sin = ops.cos(angle), ops.sin(angle)
        # From the result back to the input: by the opposite angle. With y down, this is clockwise.
        matrix = matrix_of(ops, ((cos, sin, 0), (-sin, cos, 0), (0, 0, 1)))
        return self._when(ops, draws, matrix), frame


@keras.saving.register_keras_serializable("keras_seg")
class Shear(GeometricStep):
    """Shear about the center, along each axis independently.

    Args:
        angle: float in degrees below 45, for both directions, or (smallest, largest). Defaults to 10.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Shear((0, 20)).angle
        (0.0, 20.0)
    """

    _draws = 2

    def __init__(self, angle: Interval = 10.0, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        # At 45 degrees along both axes the picture collapses to a line.
        self.angle = intervals.symmetric("angle", angle, 44.0)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        x, y = (ops.tan(intervals.between(self.angle, draws[:, i]) * (math.pi / 180.0)) for i in (1, 2))
        return self._when(ops, draws, matrix_of(ops, ((1, x, 0), (y, 1, 0), (0, 0, 1)))), frame


@keras.saving.register_keras_serializable("keras_seg")
class Scale(GeometricStep):
    """Enlarge or shrink about the center.

    Args:
        factor: (smallest, largest) factor of the size, drawn uniformly in the logarithm, so that halving is as likely
            as doubling; one float f stands for (1 / f, f). Defaults to (0.5, 2.0).
        cover_crop: bool. Raises the factor until the image is at least as large as the crop, so that a crop without
            rotation contains nothing but the image. Defaults to False.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Scale(2).factor
        (0.5, 2.0)
    """

    _draws = 1
    _keeps_axes = True

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


@keras.saving.register_keras_serializable("keras_seg")
class Translate(GeometricStep):
    """Shift along both axes, by whole pixels: alone it copies pixels instead of blurring them.

    Args:
        factor: float in 0..1, for both directions, or (smallest, largest). Shift as a fraction of the picture's width
            and height. Defaults to 0.1.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Translate(0.25).factor
        (-0.25, 0.25)
    """

    _draws = 2
    _keeps_axes = True
    _whole_pixels = True

    def __init__(self, factor: Interval = 0.1, *, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.factor = intervals.symmetric("factor", factor, 1.0)

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        x = ops.round(intervals.between(self.factor, draws[:, 1]) * frame.width)
        y = ops.round(intervals.between(self.factor, draws[:, 2]) * frame.height)
        return self._when(ops, draws, matrix_of(ops, ((1, 0, -x), (0, 1, -y), (0, 0, 1)))), frame


@keras.saving.register_keras_serializable("keras_seg")
class Perspective(GeometricStep):
    """Tilt the picture's plane, so that one side comes nearer and the opposite side goes away.

    With a factor of f, one side of the picture is (1 + f) / (1 - f) times as large as the other.

    Args:
        factor: float below 0.5, for both directions, or (smallest, largest). Tilt about each axis. Defaults to 0.1.

    `probability` and errors: see `Augmentation`.

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
