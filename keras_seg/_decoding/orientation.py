"""The eight EXIF orientations."""

import numpy as np

APPLY, IGNORE = "apply", "ignore"
CHOICES = (APPLY, IGNORE)


def upright(values: np.ndarray, orientation: int) -> np.ndarray:
    """An array (height, width, ...) as a viewer shows it."""
    if orientation in (5, 6, 7, 8):
        values = values.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        values = values[::-1]
    if orientation in (2, 3, 6, 7):
        values = values[:, ::-1]
    return values


def stored(values: np.ndarray, orientation: int) -> np.ndarray:
    """The inverse of `upright`."""
    return upright(values, {6: 8, 8: 6}.get(orientation, orientation))
