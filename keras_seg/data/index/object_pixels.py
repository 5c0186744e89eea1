"""The white pixels of a black and white mask."""

import numpy as np

from keras_seg.data.index import black_and_white


def white_pixels(values: np.ndarray) -> np.ndarray | None:
    """The pixels that are not 0, or the bright half if edges were smoothed; None for a mask of more than two values.

    Args:
        values: integer array. 0 and one other value, or black and white with smoothed edges.
    """
    white, margin = black_and_white.WHITE, black_and_white.MARGIN
    largest = values.max(initial=0)
    # Nearly all masks of objects hold at most one value besides 0: faster than listing the values.
    bright = (values == largest) & (values > 0)
    if np.count_nonzero(bright) == np.count_nonzero(values):
        return bright
    if not 0 <= values.min(initial=0) <= white - margin <= largest <= white:
        return None
    flat = ((values <= margin) | (values >= white - margin)).mean() >= black_and_white.MIN_SHARE
    return values >= black_and_white.THRESHOLD if flat else None


def looks_inverted(white: np.ndarray) -> bool:
    """Whether white is rather the background: all corners, and more than half of the image."""
    return bool(white[[0, 0, -1, -1], [0, -1, 0, -1]].all() and white.mean() > 0.5)
