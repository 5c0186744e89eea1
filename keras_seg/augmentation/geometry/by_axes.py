"""Reading arrays at points of which x depends on the column alone and y on the row alone, in NumPy.

Scaling, flips and crops have such points. Each axis is read and interpolated by itself, which gives the numbers of
`sampling` with a fraction of its work. Meanwhile arrays have the shape (rows, columns x channels), as NumPy is slow
along an axis of three.
"""

from collections.abc import Sequence

import numpy as np


def nearest(x: np.ndarray, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Pixels at whole positions.

    Args:
        x: array (height, width, channels).
        row: ints (new height,), inside `x`.
        column: ints (new width,), inside `x`.

    Returns:
        Array (new height, new width, channels).
    """
    used, place = np.unique(row, return_inverse=True)
    found = _columns(x.take(used, axis=0, mode="clip"), column).take(place, axis=0, mode="clip")
    return found.reshape(len(row), len(column), x.shape[-1])


def linear(
    x: np.ndarray,
    *,
    rows: Sequence[np.ndarray],
    columns: Sequence[np.ndarray],
    down: Sequence[np.ndarray],
    across: Sequence[np.ndarray],
) -> np.ndarray:
    """Sums of four pixels each, float32 (new height, new width, channels).

    Args:
        x: array (height, width, channels).
        rows: two of ints (new height,), inside `x`.
        columns: two of ints (new width,), inside `x`.
        down: two of float32 (new height,), the weights of `rows`.
        across: two of float32 (new width,), the weights of `columns`.
    """
    height, width, channels = len(rows[0]), len(columns[0]), x.shape[-1]
    used, places = np.unique(np.concatenate(rows), return_inverse=True)
    read = x.take(used, axis=0, mode="clip")
    lines = _weighted_sum(
        [_columns(read, column) for column in columns],
        [np.repeat(weights, channels) for weights in across],
    )
    above, below = places.reshape(2, height)
    sums = _weighted_sum(
        [lines.take(place, axis=0, mode="clip") for place in (above, below)], [weights[:, None] for weights in down]
    )
    return sums.reshape(height, width, channels)


def _columns(x: np.ndarray, column: np.ndarray) -> np.ndarray:
    """(rows, new width x channels) of (rows, width, channels); value by value is faster than three at a time."""
    rows, width, channels = x.shape
    values = column[:, None] * channels + np.arange(channels)
    return x.reshape(rows, width * channels).take(values.ravel(), axis=1, mode="clip")


def _weighted_sum(terms: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> np.ndarray:
    """a * v + b * w, float32."""
    first, second = (np.multiply(term, weight, dtype="float32") for term, weight in zip(terms, weights, strict=True))
    first += second
    return first
