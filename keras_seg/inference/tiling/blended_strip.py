"""The unfinished rows of an output."""

import numpy as np


class BlendedStrip:
    """Sums weighted tiles over a strip as high as a tile, which moves down with the tile rows.

    Args:
        height: int, pixels of a tile.
        width: int, pixels that the tiles cover.
        classes: int.

    Attributes:
        top: int, the first row of the strip in the output.
        rows: float32 array (height, width, classes).
    """

    def __init__(self, height: int, width: int, classes: int) -> None:
        self.top = 0
        self.rows = np.zeros((height, width, classes), "float32")

    def add(self, left: int, scores: np.ndarray, down: np.ndarray, across: np.ndarray) -> None:
        """Add a tile's `scores` (height, width, classes) at column `left`, weighted by `down` per row and by `across`
        per column."""
        height, width = (slice(*np.flatnonzero(weights)[[0, -1]] + (0, 1)) for weights in (down, across))
        classes = scores.shape[-1]
        # Crops leave most of a tile out; the used part is multiplied in rows of (pixels x classes).
        part = scores[height, width].reshape(height.stop - height.start, -1) * np.repeat(across[width], classes)
        part *= down[height, None]
        target = self.rows[height, left + width.start : left + width.stop]
        target += part.reshape(target.shape)

    def above(self, row: int) -> np.ndarray:
        """The rows above `row` of the output, as a view."""
        return self.rows[: row - self.top]

    def move_to(self, row: int) -> None:
        """Drop the rows above `row` and add rows of zeros below."""
        count = min(row - self.top, len(self.rows))
        kept = len(self.rows) - count
        # In blocks that do not overlap their target, because NumPy copies overlapping ones first.
        for start in range(0, kept if count else 0, count or 1):
            stop = min(start + count, kept)
            self.rows[start:stop] = self.rows[start + count : stop + count]
        self.rows[kept:] = 0
        self.top = row
