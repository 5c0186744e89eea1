"""Where the errors are: near the edges between classes, or inside of them."""

from collections.abc import Sequence

import numpy as np

# Upper ends of the bins, in pixels; one more bin holds everything farther away.
DISTANCES = (1, 2, 4, 8)
NAMES = ("1", "2", "3-4", "5-8", "9+")


def errors_by_distance(mask: np.ndarray, predicted: np.ndarray, ignored: Sequence[int]) -> np.ndarray:
    """int64 (bins, 2): the pixels at each distance from the nearest edge between classes, and the wrong ones.

    Distance is measured in rows and columns, as in `data.boundary_targets`: 1 for pixels that touch another class.

    Args:
        mask: integer array (height, width) of class ids.
        predicted: integer array (height, width) of class ids.
        ignored: labels of pixels that do not count.
    """
    counted = ~np.isin(mask, ignored)
    wrong = counted & (mask != predicted)
    near = _edges(mask, counted)
    taken = np.zeros(mask.shape, bool)
    rows, distance = [], 1
    for end in DISTANCES:
        while distance < end:
            near = _grown(near)
            distance += 1
        ring = near & counted & ~taken
        taken |= ring
        rows.append((ring.sum(), (ring & wrong).sum()))
    rest = counted & ~taken
    rows.append((rest.sum(), (rest & wrong).sum()))
    return np.array(rows, "int64")


def _edges(mask: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Counted pixels with a counted pixel of another class among their eight neighbors."""
    found = np.zeros(mask.shape, bool)
    for ahead, behind in _neighbors(mask.shape):
        differ = (mask[ahead] != mask[behind]) & counted[ahead] & counted[behind]
        found[ahead] |= differ
        found[behind] |= differ
    return found


def _grown(found: np.ndarray) -> np.ndarray:
    """A set of pixels with its eight neighbors."""
    grown = found.copy()
    for ahead, behind in _neighbors(found.shape):
        grown[ahead] |= found[behind]
        grown[behind] |= found[ahead]
    return grown


def _neighbors(shape: tuple[int, ...]) -> list[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """Pairs of views that put each pixel on its neighbor to the right, below, and on both diagonals."""
    height, width = shape
    all_rows, up, down = slice(0, height), slice(0, max(height - 1, 0)), slice(1, height)
    all_columns, left, right = slice(0, width), slice(0, max(width - 1, 0)), slice(1, width)
    return [
        ((all_rows, right), (all_rows, left)),
        ((down, all_columns), (up, all_columns)),
        ((down, right), (up, left)),
        ((down, left), (up, right)),
    ]
