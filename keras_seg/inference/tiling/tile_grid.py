"""Positions of tiles: evenly spaced, on the model's grid, over an image that is mirrored at its ends."""

import dataclasses
import math

import numpy as np

from keras_seg import _ops, _validation


@dataclasses.dataclass(frozen=True)
class TileAxis:
    """The tiles along one axis of an image, described by their outputs.

    Attributes:
        length: pixels of the image.
        tile: pixels of a tile's output.
        border: pixels that a tile's input has more on each side.
        starts: tuple, the first pixel of each tile's output. The first is 0 and each a multiple of the model's stride;
            the last tile ends at the image's end, or up to a stride beyond it where the end is off the grid.
    """

    length: int
    tile: int
    border: int
    starts: tuple

    @property
    def covered(self) -> int:
        """Pixels that the tiles cover, including the mirrored end."""
        return self.starts[-1] + self.tile

    @property
    def cuts(self) -> tuple[int, ...]:
        """The pixels where one tile gives way to the next: the middle of each overlap."""
        middles = [
            (start + before + self.tile) // 2 for before, start in zip(self.starts, self.starts[1:], strict=False)
        ]
        return (0, *middles, self.covered)

    def positions(self, start: int | None = None, stop: int | None = None) -> np.ndarray:
        """The positions in the mirrored image of the input pixels for the output pixels `start` to `stop`."""
        start = (0 if start is None else start) - self.border
        stop = (self.covered if stop is None else stop) + self.border
        return _ops.folded_positions(np.arange(start, stop), self.length, namespace=np)


def tile_axis(
    name: str, length: int, tile: int, *, border: int, stride: int, overlap: float, margin: int = 0
) -> TileAxis:
    """Evenly spaced tiles over an axis.

    Args:
        name: "height" or "width", for errors.
        length: int, pixels of the image.
        tile: int, pixels of a tile's output.
        border: int, pixels that the input has more on each side.
        stride: int. Tiles start at multiples of it.
        overlap: float in [0, 1), the share of `tile` that neighbors have in common, at least.
        margin: int, pixels at the ends of a tile that are not used where another tile has them.

    Returns:
        A `TileAxis`.
    """
    shared = max(math.ceil(overlap * tile - 1e-6), 2 * margin)
    largest_step = (tile - shared) // stride
    if largest_step < 1:
        if 2 * margin > math.ceil(overlap * tile):
            needed = -(-(2 * margin + stride - tile) // stride) * stride + tile + 2 * border
            rule = f"must be at least {needed} pixels in {name} for a margin of {margin} on each side"
            _validation.fail("tile", rule, tile + 2 * border, "Enlarge it, or pass a smaller margin.")
        rule = f"must leave at least {stride} pixels, the model's stride, from one tile of {tile} to the next in {name}"
        fix = f"Pass at most {math.floor(1000 * (1 - stride / tile)) / 1000}, or larger tiles."
        _validation.fail("overlap", rule, overlap, fix)
    # In units of the stride, so that rounding down keeps every start on the model's grid and no step too long.
    last = max(0, -(-(length - tile) // stride))
    steps = -(-last // largest_step)
    starts = tuple(stride * (last * index // steps) for index in range(steps + 1)) if steps else (0,)
    return TileAxis(length, tile, border, starts)
