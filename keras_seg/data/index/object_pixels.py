"""The white pixels of a black and white mask."""

import numpy as np

from keras_seg.data.index import black_and_white


def white_pixels(values: np.ndarray, *, outside: int = 0) -> np.ndarray | None:
    """The pixels that are not 0, or the bright half if edges were smoothed; None for a mask of more than two values.

    Args:
        values: integer array. 0 and one other value, or black and white with smoothed edges. Not 0, 1 and 255: then 1
            is the object, and 255 marks pixels without a label.
        outside: int. Number of further pixels, all of them 0. Defaults to 0.
    """
    white, margin = black_and_white.WHITE, black_and_white.MARGIN
    largest = values.max(initial=0)
    # Nearly all masks of objects hold at most one value besides 0: faster than listing the values.
    bright = values == largest if largest > 0 else np.zeros(values.shape, bool)
    if np.count_nonzero(bright) == np.count_nonzero(values):
        return bright
    if not 0 <= values.min(initial=0) <= white - margin <= largest <= white:
        return None
    between = values[(values > 0) & (values < largest)]
    if largest == white and (between == 1).all() and (outside or (values == 0).any()):
        return None
    flat = np.count_nonzero((values <= margin) | (values >= white - margin)) + outside
    share = flat / (values.size + outside)
    return values >= black_and_white.THRESHOLD if share >= black_and_white.MIN_SHARE else None


def looks_inverted(white: np.ndarray) -> bool:
    """Whether white is rather the background: all corners, and more than half of the image."""
    corners = white[0, 0] and white[0, -1] and white[-1, 0] and white[-1, -1]
    return bool(corners and 2 * np.count_nonzero(white) > white.size)
