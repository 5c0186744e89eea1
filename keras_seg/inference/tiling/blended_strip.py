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

    def add(self, left, scores, weights):
        """Add a tile's `scores` (height, width, classes) at column `left`, each pixel times its weight."""
        # Crops give all weight of most pixels to one tile: what counts nothing is not looked at.
        down, across = (np.flatnonzero(weights.any(axis=axis)) for axis in (1, 0))
        if len(down) and len(across):
            down, across = (slice(places[0], places[-1] + 1) for places in (down, across))
            target = self.rows[down, left + across.start : left + across.stop]
            target += scores[down, across] * weights[down, across, None]

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
