"""Mirroring."""

import keras

from keras_seg import _validation
from keras_seg.augmentation.geometry.step import GeometricStep, matrix_of

DIRECTIONS = ("horizontal", "vertical", "both")


@keras.saving.register_keras_serializable("keras_seg")
class Flip(GeometricStep):
    """Mirror images, an exact permutation of the pixels.

    Args:
        direction: "horizontal" (left and right change places), "vertical", or "both", each of its own accord. Defaults
            to "horizontal".
        probability: of each mirroring, 0..1. Defaults to 0.5.

    Raises:
        InputError: an argument is out of its range.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> augment = ks.augmentation.Augmentation([ks.augmentation.Flip(probability=1.0)])
        >>> mask = np.array([[1, 2, 3]])
        >>> _, mirrored = augment(np.zeros((1, 3, 3)), mask, seed=0)
        >>> np.asarray(mirrored).tolist()
        [[3, 2, 1]]
    """

    draws = 1
    whole_pixels = True
    stays_inside = True

    def __init__(self, direction="horizontal", *, probability=0.5):
        super().__init__(probability)
        self.direction = _validation.one_of("direction", direction, DIRECTIONS)

    def plan(self, ops, draws, frame):
        """See `GeometricStep`."""
        x = ops.where(draws[:, 0] < self.probability, -1.0, 1.0) if self.direction != "vertical" else 1.0
        y = ops.where(draws[:, 1] < self.probability, -1.0, 1.0) if self.direction != "horizontal" else 1.0
        return matrix_of(ops, ((x, 0, 0), (0, y, 0), (0, 0, 1))), frame
