"""How far a mask must be moved so that its borders lie on the edges of its image."""

import numpy as np

REACH = 8
_MAX_EDGES = 4000
_MIN_EDGES = 50
# The best position must be this many times as good as the typical one, else the image has no edge at the border.
_CONTRAST = 1.5


def border_offset(gray: np.ndarray, labels: np.ndarray) -> tuple[int, int] | None:
    """(down, right) in pixels, or None if the image has no clear edges at the borders of the mask.

    Args:
        gray: uint8 array (height, width).
        labels: integer array (height, width).
    """
    if gray.shape != labels.shape or min(gray.shape) < 4 * REACH:
        return None
    gray = gray.astype(np.int16)
    scores, edges = np.zeros((2 * REACH + 1, 2 * REACH + 1)), 0
    for axis in (0, 1):
        rows, columns = _border_pixels(labels, axis)
        if not len(rows):
            continue
        edges += len(rows)
        gradient = np.abs(np.diff(gray, axis=axis))
        # Row r, column c of the windows is the neighborhood of pixel r + REACH, c + REACH.
        windows = np.lib.stride_tricks.sliding_window_view(gradient, scores.shape)
        scores += windows[rows - REACH, columns - REACH].sum(0, dtype=np.int64)
    if edges < _MIN_EDGES or scores.max() < _CONTRAST * max(float(np.median(scores)), edges):
        return None
    down, right = np.unravel_index(scores.argmax(), scores.shape)
    return int(down) - REACH, int(right) - REACH


def _border_pixels(labels: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels whose next one along the axis has another label, away from the rim; some of them if there are many."""
    differ = labels[1:] != labels[:-1] if axis == 0 else labels[:, 1:] != labels[:, :-1]
    rows, columns = np.nonzero(differ[REACH:-REACH, REACH:-REACH])
    every = max(1, len(rows) // _MAX_EDGES)
    return rows[::every] + REACH, columns[::every] + REACH
