"""Regions of a mask that are smaller than five pixels."""

import numpy as np

SPECK = 5


def count_specks(labels: np.ndarray) -> int:
    """Number of regions of fewer than five pixels; pixels that share a side and a label are one region.

    Args:
        labels: integer array (height, width).
    """
    padded = np.pad(labels.astype(np.int32), 1, constant_values=np.iinfo("int32").min)
    center = padded[1:-1, 1:-1]
    height, width = center.shape
    alike = np.zeros(center.shape, np.uint8)
    for y, x in _SIDES:
        alike += center == padded[y : y + height, x : x + width]
    # A pixel whose four neighbors all have its label is in a region of at least five.
    rows, columns = np.nonzero(alike < SPECK - 1)
    number = np.full(padded.shape, -1, np.int64)
    number[rows + 1, columns + 1] = np.arange(len(rows))
    own = padded[rows + 1, columns + 1]
    large = np.zeros(len(rows), bool)
    links = []
    for y, x in _SIDES:
        same = padded[rows + y, columns + x] == own
        neighbor = np.where(same, number[rows + y, columns + x], np.arange(len(rows)))
        large |= neighbor < 0
        links.append(np.where(neighbor < 0, np.arange(len(rows)), neighbor))
    region = np.arange(len(rows))
    for _ in range(SPECK):
        region = np.minimum.reduce([region, *(region[link] for link in links)])
    for link in links:  # Regions that are still growing are large.
        large |= region[link] != region
    sizes = np.bincount(region, minlength=len(rows))
    too_large = np.zeros(len(rows), bool)
    too_large[region[large]] = True
    return int(((sizes > 0) & (sizes < SPECK) & ~too_large).sum())


# (row, column) of the neighbors in an array with a rim of one pixel.
_SIDES = ((0, 1), (2, 1), (1, 0), (1, 2))
