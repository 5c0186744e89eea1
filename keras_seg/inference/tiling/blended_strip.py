"""The rows of an output that are not finished yet."""

import numpy as np


class BlendedStrip:
    """Adds up weighted tiles over a strip as high as a tile, which moves down with the tile rows.

    Args:
        height: int, pixels of a tile.
        width: int, pixels that the tiles cover.
        classes: int.

    Attributes:
        top: int, the row of the output that the strip begins with.
        rows: float32 array (height, width, classes).
    """

    def __init__(self, height, width, classes):
        self.top = 0
        self.rows = np.zeros((height, width, classes), "float32")

    def add(self, left, scores, down, across):
        """Add a tile's `scores` (height, width, classes) at column `left`, with weights `down` its rows and `across`
        its columns."""
        height, width = (slice(*np.flatnonzero(weights)[[0, -1]] + (0, 1)) for weights in (down, across))
        classes = scores.shape[-1]
        # Crops leave most of a tile out; what is used is multiplied in rows of (pixels x classes).
        part = scores[height, width].reshape(height.stop - height.start, -1) * np.repeat(across[width], classes)
        part *= down[height, None]
        target = self.rows[height, left + width.start : left + width.stop]
        target += part.reshape(target.shape)

    def above(self, row):
        """The rows above `row` of the output, as a view."""
        return self.rows[: row - self.top]

    def move_to(self, row):
        """Leave the rows above `row` behind and make room below."""
        count = min(row - self.top, len(self.rows))
        kept = len(self.rows) - count
        # In blocks that do not meet their own target, of which NumPy would make a copy first.
        for start in range(0, kept if count else 0, count or 1):
            stop = min(start + count, kept)
            self.rows[start:stop] = self.rows[start + count : stop + count]
        self.rows[kept:] = 0
        self.top = row
