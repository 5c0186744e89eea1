"""A few images of a folder in which every class occurs."""

import numpy as np

from keras_seg import _validation


def stratified_positions(pixel_counts, count):
    """Positions of images that hold all classes as evenly as they can.

    Again and again the class that has the smallest share of the chosen pixels gets the image that is left in which its
    own share is largest.

    Args:
        pixel_counts: int array (images, classes), such as that of a `FolderIndex` or of `count_pixels`.
        count: int, how many to choose; all, in order of choice, where there are fewer.

    Returns:
        list of int.

    Raises:
        InputError: for arguments that are not as above.

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
        # A class that occurs in no image that is left has had all it can get.
        open_classes = [c for c in present if shares[left, c].any()] or [0]
        neediest = min(open_classes, key=lambda c: held[c])
        best = int(np.argmax(np.where(left, shares[:, neediest], -1)))
        chosen.append(best)
        left[best] = False
        held += shares[best]
    return chosen
