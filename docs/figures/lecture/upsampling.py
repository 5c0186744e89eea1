"""Six ways from 2x2 to 4x4, in numbers."""

import numpy as np
from canvas import ORANGE, SKY, YELLOW, canvas, numbers
from enlarging import WAYS

SMALL = np.array([[1, 2], [3, 4]], "float32")


def draw():
    """One grid per way: blue for copied numbers, orange for one position per window, yellow for sums of copies."""
    figure, axes = canvas(3, 2, 6.6)
    for axis, (name, enlarge) in zip(axes.flat, WAYS.items(), strict=True):
        large = enlarge(SMALL)
        lit, color = np.isin(large, SMALL), SKY
        if "transposed" in name:
            lit, color = enlarge(np.ones_like(SMALL)) > 1, YELLOW
        elif not large.all():
            color = ORANGE
        numbers(axis, np.round(large, 2), name, lit, color)
    return figure
