"""A few images of a folder in which every class occurs."""

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike


def stratified_positions(pixel_counts: ArrayLike, count: int) -> list[int]:
    """Positions of images that together hold all classes as evenly as possible.

    In each step, the class with the smallest share of the chosen pixels determines the next image: the remaining one in
    which its share is largest.

    Args:
        pixel_counts: int array (images, classes), such as that of a `FolderIndex` or of `count_pixels`.
        count: int >= 1. Number of images to choose; all of them, in order of choice, if there are fewer.

    Returns:
        List of int.

    Raises:
        InputError: `pixel_counts` is not an array of counts (images, classes), or `count` is not a positive integer.

    Examples:
        >>> stratified_positions([[90, 10], [100, 0], [80, 20], [100, 0]], count=2)
        [1, 2]
    """
    counts = np.asarray(pixel_counts, "float64")
    if counts.ndim != 2 or not len(counts) or (counts < 0).any():
        _validation.fail("pixel_counts", "must be counts (images, classes) of one image or more", counts.shape)
    count = min(_validation.integer("count", count), len(counts))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    present = np.flatnonzero(counts.sum(axis=0))
    left, chosen, held = np.ones(len(counts), bool), [], np.zeros(counts.shape[1])
    while len(chosen) < count:
        # A class that occurs in no remaining image can get no more pixels.
        open_classes = [c for c in present if shares[left, c].any()] or [0]
        neediest = min(open_classes, key=lambda c: held[c])
        best = int(np.argmax(np.where(left, shares[:, neediest], -1)))
        chosen.append(best)
        left[best] = False
        held += shares[best]
    return chosen
