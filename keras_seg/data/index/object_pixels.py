"""The white pixels of a black and white mask."""

import numpy as np

from keras_seg.data.index import black_and_white


def is_black_and_white(values: np.ndarray) -> bool:
    """Whether the values are 0 and one other, or black and white with smoothed edges."""
    if _has_one_other_value(values):
        return True
    white, margin = black_and_white.WHITE, black_and_white.MARGIN
    if not 0 <= values.min(initial=0) <= white - margin <= values.max(initial=0) <= white:
        return False
    return bool(((values <= margin) | (values >= white - margin)).mean() >= black_and_white.MIN_SHARE)


def white_pixels(values: np.ndarray) -> np.ndarray:
    """The pixels that are not 0, or the bright half if edges were smoothed."""
    return values != 0 if _has_one_other_value(values) else values >= black_and_white.THRESHOLD


def looks_inverted(white: np.ndarray) -> bool:
    """Whether white is rather the background: all corners, and more than half of the image."""
    return bool(white[[0, 0, -1, -1], [0, -1, 0, -1]].all() and white.mean() > 0.5)


def _has_one_other_value(values: np.ndarray) -> bool:
    """Whether at most one value besides 0 occurs, as in nearly all masks of objects: faster than listing them."""
    largest = values.max(initial=0)
    return np.count_nonzero(values == largest) == np.count_nonzero(values) if largest > 0 else not values.any()
