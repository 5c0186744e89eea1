"""Pixels near two different labels."""

from types import ModuleType

import numpy as np

# Greater than every label. SciPy's filters compute in float64, which has no 2^63 - 1.
_BEYOND = 2**40


def near_two_labels(ndimage: ModuleType, labels: np.ndarray, counted: np.ndarray, *, width: int) -> np.ndarray:
    """Where the square of side `2 width + 1` around a pixel holds two different labels.

    Args:
        ndimage: the module `scipy.ndimage`.
        labels: int64 array (height, width).
        counted: bool array (height, width): the pixels whose labels count.
        width: int >= 1, pixels.

    Returns:
        bool array (height, width). What lies beyond the image does not count.
    """
    largest = ndimage.maximum_filter(np.where(counted, labels, -_BEYOND), 2 * width + 1, mode="nearest")
    smallest = ndimage.minimum_filter(np.where(counted, labels, _BEYOND), 2 * width + 1, mode="nearest")
    return largest > smallest
