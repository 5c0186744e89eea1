"""Reading images, and maps that belong to them, at a field of points."""

from typing import Any, NamedTuple, Self

from keras_seg._types import Tensor
from keras_seg.augmentation.geometry import by_axes
from keras_seg.augmentation.geometry.elastic import keys_cubic
from keras_seg.augmentation.namespace import Namespace

# Far outside every image, and still an int32.
_FAR = 1e6


class Points(NamedTuple):
    """A field of sampling points, and the settings shared by all maps that are read there."""

    x: Any
    """float32 (batch, height or 1, width), in pixels of the input; the first pixel covers [0, 1]."""
    y: Any
    """float32 (batch, height, width or 1)."""
    size: tuple[Any, Any]
    """(height, width) of the input."""
    reflect: bool
    """Whether the input is mirrored beyond its border; it is repeated otherwise."""

    @classmethod
    def at(cls, ops: Namespace, x: Tensor, y: Tensor, *, size: tuple[Any, Any], reflect: bool) -> Self:
        """Points at finite places."""
        return cls(x=ops.clip(x, -_FAR, _FAR), y=ops.clip(y, -_FAR, _FAR), size=size, reflect=reflect)

    def inside(self, ops: Namespace) -> tuple[Tensor, Tensor]:
        """Whether each point lies in the input along x, and along y: 1 or 0, shaped as `x` and `y`."""
        height, width = (ops.cast(side, "float32") for side in self.size)
        x = ops.logical_and(self.x >= 0.0, self.x < width)
        y = ops.logical_and(self.y >= 0.0, self.y < height)
        return ops.cast(x, "float32"), ops.cast(y, "float32")

    def outside(self, ops: Namespace) -> Tensor:
        """Which points lie outside the input, bool (batch, height, width)."""
        x, y = self.inside(ops)
        return x * y < 0.5

    def by_axes(self, ops: Namespace) -> bool:
        """Whether rows and columns are read one after the other: where that is possible, and faster."""
        return ops.reads_by_axes and self.x.shape[1] == self.y.shape[2] == 1

    def folded(self, ops: Namespace, row: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
        """Whole positions, folded back into the input."""
        height, width = self.size
        return self._fold(ops, row, height), self._fold(ops, column, width)

    def _fold(self, ops: Namespace, index: Tensor, side: Any) -> Tensor:
        if self.reflect:
            index = ops.mod(index, 2 * side)
            return ops.minimum(index, 2 * side - 1 - index)
        return ops.clip(index, 0, side - 1)


def nearest(ops: Namespace, x: Tensor, points: Points) -> Tensor:
    """Values of the pixels the points lie in.

    Args:
        ops: the namespace to compute with.
        x: tensor (batch, height, width, channels).
        points: `Points`.

    Returns:
        Tensor (batch, new height, new width, channels) of the same type.
    """
    column = ops.cast(ops.floor(points.x), "int32")
    row = ops.cast(ops.floor(points.y), "int32")
    if points.by_axes(ops):
        rows, columns = points.folded(ops, row, column)
        return ops.stack([by_axes.nearest(*one) for one in zip(x, rows[:, :, 0], columns[:, 0], strict=True)])
    return _read(ops, x, points, row=row, column=column)


def linear(ops: Namespace, x: Tensor, points: Points, *, inside: tuple[Tensor, Tensor] | None = None) -> Tensor:
    """Bilinear interpolation between the four nearest pixel centers, float32; see `nearest`.

    With `inside`, of `Points.inside`, it is 0 outside the input. The zeros go into the weights, which are one row and
    one column where the field has that form, instead of a whole map.
    """
    column, right = _split(ops, points.x)
    row, below = _split(ops, points.y)
    weights = [[1.0 - part, part] for part in (right, below)]
    if inside is not None:
        weights = [[w * known[..., None] for w in pair] for pair, known in zip(weights, inside, strict=True)]
    if points.by_axes(ops):
        return _linear_by_axes(ops, x, points, rows=(row, row + 1), columns=(column, column + 1), weights=weights)
    (left, right), (above, below) = weights
    (a, b), (c, d) = (
        [ops.cast(_read(ops, x, points, row=row + i, column=column + j), "float32") for j in (0, 1)] for i in (0, 1)
    )
    return (a * left + b * right) * above + (c * left + d * right) * below


def cubic(ops: Namespace, x: Tensor, points: Points) -> Tensor:
    """Bicubic interpolation (Keys, a = -0.5) between the sixteen nearest pixel centers, float32; see `nearest`."""
    column, right = _split(ops, points.x)
    row, below = _split(ops, points.y)
    columns, rows = ([keys_cubic(ops, ops.abs(part - i)) for i in range(-1, 3)] for part in (right, below))
    total = 0.0
    for i, weight_y in enumerate(rows):
        taps = (_read(ops, x, points, row=row + i - 1, column=column + j - 1) for j in range(4))
        total = total + weight_y * sum(w * ops.cast(t, "float32") for w, t in zip(columns, taps, strict=True))
    return total


def _split(ops: Namespace, position: Tensor) -> tuple[Tensor, Tensor]:
    """The pixel center before each position, int32 (...), and the distance from it, float32 (..., 1)."""
    before = ops.floor(position - 0.5)
    return ops.cast(before, "int32"), (position - 0.5 - before)[..., None]


def _linear_by_axes(
    ops: Namespace,
    x: Tensor,
    points: Points,
    *,
    rows: tuple[Tensor, Tensor],
    columns: tuple[Tensor, Tensor],
    weights: list[list[Tensor]],
) -> Tensor:
    """`linear` where rows and columns are read one after the other."""
    pairs = [points.folded(ops, *pair) for pair in zip(rows, columns, strict=True)]
    return ops.stack(
        [
            by_axes.linear(
                x[number],
                rows=[row[number, :, 0] for row, _ in pairs],
                columns=[column[number, 0] for _, column in pairs],
                across=[weight[number, 0, :, 0] for weight in weights[0]],
                down=[weight[number, :, 0, 0] for weight in weights[1]],
            )
            for number in range(len(x))
        ]
    )


def _read(ops: Namespace, x: Tensor, points: Points, *, row: Tensor, column: Tensor) -> Tensor:
    """Pixels (batch, height, width, channels) at whole positions, folded into the input."""
    batch, height, width, channels = ops.shape(x)
    row, column = points.folded(ops, row, column)
    first = ops.arange(batch, dtype="int32")[:, None, None] * (height * width)
    # A gather over pixels: the one indexing that every backend compiles to a plain loop.
    return ops.take(ops.reshape(x, (-1, channels)), first + row * width + column, axis=0)
