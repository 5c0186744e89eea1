"""Base of every geometric transform: a map from points of its result to points of its input."""

from typing import Any, NamedTuple

from keras_seg._types import Tensor
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.transform import Transform


class Frame(NamedTuple):
    """The picture a step works on.

    Points are counted in pixels from the center of the picture, x to the right and y down, so that rotating, scaling
    and mirroring do not depend on its size. Pixel centers lie half a pixel off the integers where a side is even.
    """

    width: Any
    """Of each image, float32 (batch,)."""
    height: Any
    """Of each image, float32 (batch,)."""
    target: tuple[Any, Any]
    """(height, width) of the result in pixels."""


# A matrix (batch, 3, 3), or a function of points (x, y) that gives points (x, y).
PointMap = Any


class GeometricStep(Transform):
    """A transform that moves pixels.

    All steps of an augmentation are composed into one field of sampling points, and each pixel is read once.
    """

    _projective = False
    """Whether points must be divided by their third coordinate."""

    _keeps_axes = False
    """Whether rows become rows and columns become columns."""

    _whole_pixels = False
    """Whether pixel centers come from pixel centers, so that pixels are copied."""

    _stays_inside = False
    """Whether a window inside the result contains nothing but the input."""

    _covers_crop = False
    """Whether the result is at least as large as the crop."""

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        """How the result is read.

        Args:
            ops: the namespace to compute with.
            draws: float32 (batch, 1 + self._draws), uniform.
            frame: the `Frame` of the input.

        Returns:
            A matrix (batch, 3, 3) from points of the result to points of the input, or a function of points (x, y) that
            does the same, and the `Frame` of the result.
        """
        raise NotImplementedError

    def _when(self, ops: Namespace, draws: Tensor, matrix: Tensor) -> Tensor:
        """`matrix` where the step happens, and the identity elsewhere."""
        if self.probability == 1.0:
            return matrix
        return ops.where(self._active(draws)[:, None, None], matrix, matrix_of(ops, ((1, 0, 0), (0, 1, 0), (0, 0, 1))))


def matrix_of(ops: Namespace, rows: tuple[tuple[Any, Any, Any], ...]) -> Tensor:
    """Three rows of numbers, or tensors (batch,), as matrices (batch, 3, 3); a batch of one where all are numbers."""
    entries = [ops.cast(ops.convert_to_tensor(entry), "float32") for row in rows for entry in row]
    whole = entries[0]
    for entry in entries[1:]:
        whole = whole + 0.0 * entry  # Only for its shape: numbers are repeated for each image.
    entries = [ops.reshape(entry + 0.0 * whole, (-1,)) for entry in entries]
    return ops.reshape(ops.stack(entries, axis=-1), (-1, 3, 3))


def product(ops: Namespace, left: Tensor, right: Tensor) -> Tensor:
    """Matrix product, term by term: the units that multiply matrices on GPUs round to ten bits, which is whole pixels
    here."""
    return ops.sum(left[:, :, :, None] * right[:, None, :, :], axis=2)
