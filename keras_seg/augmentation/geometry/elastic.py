"""Smooth random deformation."""

import math

import keras

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation import intervals
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap
from keras_seg.augmentation.intervals import Interval
from keras_seg.augmentation.namespace import Namespace


@keras.saving.register_keras_serializable("keras_seg")
class Elastic(GeometricStep):
    """Deform smoothly: random displacements on a coarse grid, and bicubic interpolation between them.

    The grid's outer points lie on the border of the picture. Between its points, displacements follow Keys' cubic
    (a = -0.5), which has no jumps in value or slope; beyond the border they stay as they are on it. Displacements much
    larger than a quarter of the grid's spacing fold the picture.

    Args:
        sigma: float in 0..1000, or (smallest, largest) to draw from per image. Standard deviation of a grid point's
            displacement along each axis, in pixels. Defaults to 10, as in the paper.
        grid: int, at least 2. Points per side. Defaults to 3, as in the paper.

    `probability` and errors: see `Augmentation`.

    Examples:
        >>> import keras_seg as ks
        >>> ks.augmentation.Elastic(sigma=10, grid=3)
        Elastic(sigma=[10.0, 10.0], grid=3, probability=1.0)

    Reference:
        Ronneberger, Fischer, Brox: U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015, section 3.1.
    """

    def __init__(self, sigma: Interval = 10.0, *, grid: int = 3, probability: float = 1.0) -> None:
        super().__init__(probability)
        self.sigma = intervals.interval("sigma", sigma, 0.0, 1000.0)
        self.grid = _validation.integer("grid", grid, 2)
        # Two numbers per coordinate (see `normal`), and the deviation.
        self._draws = 4 * self.grid**2 + 1

    def _plan(self, ops: Namespace, draws: Tensor, frame: Frame) -> tuple[PointMap, Frame]:
        sigma = intervals.between(self.sigma, draws[:, 1])
        if self.probability < 1.0:
            sigma = ops.where(self._active(draws), sigma, 0.0)
        nodes = normal(ops, draws[:, 2:]) * sigma[:, None]
        count = self.grid**2

        def displace(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
            columns = self._weights(ops, x, frame.width)
            rows = self._weights(ops, y, frame.height)
            moved = [x, y]
            for axis in (0, 1):
                # Row by row: where x is the same in all rows, the inner sum is of one row only.
                for i, row in enumerate(rows):
                    at = axis * count + i * self.grid
                    line = sum(column * nodes[:, at + j, None, None] for j, column in enumerate(columns))
                    moved[axis] = moved[axis] + row * line
            return moved[0], moved[1]

        return displace, frame

    def _weights(self, ops: Namespace, position: Tensor, side: Tensor) -> list[Tensor]:
        """The weight of each grid point along one axis."""
        last = self.grid - 1
        at = ops.clip(position / side[:, None, None] + 0.5, 0.0, 1.0) * last
        taps = [keys_cubic(ops, ops.abs(at - node)) for node in range(-1, self.grid + 1)]
        # Beyond the border the grid's outer points are repeated.
        return [taps[0] + taps[1], *taps[2:-2], taps[-2] + taps[-1]]


def normal(ops: Namespace, draws: Tensor) -> Tensor:
    """Half as many normal numbers as uniform ones, by Box and Muller."""
    half = draws.shape[1] // 2
    radius = ops.sqrt(-2.0 * ops.log(1.0 - ops.minimum(draws[:, :half], 1.0 - 1e-7)))
    return radius * ops.cos((2.0 * math.pi) * draws[:, half:])


def keys_cubic(ops: Namespace, distance: Tensor) -> Tensor:
    """Weight of a sample at some distance: Keys' cubic convolution kernel with a = -0.5 (IEEE TASSP 1981, eq. 15)."""
    near = (1.5 * distance - 2.5) * distance * distance + 1.0
    far = ((-0.5 * distance + 2.5) * distance - 4.0) * distance + 2.0
    return ops.where(distance < 1.0, near, ops.where(distance < 2.0, far, 0.0))
