"""Enlarging and shrinking."""

import math

import keras

from keras_seg import _validation
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of


@keras.saving.register_keras_serializable("keras_seg")
class Scale(GeometricStep):
    """Enlarge or shrink about the center.

    Args:
        factor: (smallest, largest) factor of the size, drawn uniformly in the logarithm: halving is as likely as
            doubling; one number f stands for (1 / f, f). Defaults to (0.5, 2.0).
        probability: 0..1. Defaults to 1.
        fit: raise the factor until the crop fits into the image, so that a crop without turning shows nothing but the
            image. Defaults to False.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Scale(2).factor
        (0.5, 2.0)
    """

    draws = 1

    def __init__(self, factor=(0.5, 2.0), probability=1.0, *, fit=False):
        super().__init__(probability)
        if not isinstance(factor, (tuple, list)):
            factor = _validation.number("factor", factor, 0.01, 100.0)
            factor = (min(factor, 1.0 / factor), max(factor, 1.0 / factor))
        self.factor = intervals.interval("factor", factor, 0.01, 100.0)
        self.fit = _validation.boolean("fit", fit)

    @property
    def stays_inside(self):
        """See `GeometricStep`."""
        return self.fit

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        low, high = self.factor
        if low == high:
            factor = low + 0.0 * draws[:, 1]
        else:
            factor = ops.exp(intervals.between((math.log(low), math.log(high)), draws[:, 1]))
        if self.probability < 1.0:
            factor = ops.where(self.active(draws), factor, 1.0)
        if self.fit:
            height, width = (ops.cast(side, "float32") for side in frame.target)
            factor = ops.maximum(factor, ops.maximum(height / frame.height, width / frame.width))
        after = frame._replace(width=frame.width * factor, height=frame.height * factor)
        return matrix_of(ops, ((1.0 / factor, 0, 0), (0, 1.0 / factor, 0), (0, 0, 1))), after
