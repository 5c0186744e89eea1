"""Pixels of each class in any dataset."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass


class PixelCounts(NamedTuple):
    """Pixel counts of a data set, for `class_weights` and `loss.adapt`. A `FolderIndex` has the same two arrays."""

    pixel_counts: np.ndarray
    """int64 array (images, classes): pixels of each class in each mask."""
    ignored_counts: np.ndarray
    """int64 array (images,): pixels without a class."""


def count_pixels(dataset: Iterable[Any], num_classes: int, *, ignore_class: IgnoreClass = None) -> PixelCounts:
    """Count the pixels of each class in each mask, in one pass. For a folder, `scan_folder` does this.

    Args:
        dataset: finite iterable of batches (images, masks, ...), such as a `tf.data.Dataset`; masks are ids
            (batch, height, width) or (batch, height, width, 1).
        num_classes: int >= 2. Number of classes.
        ignore_class: int or sequence of int. Labels of pixels without a class. Defaults to None.

    Returns:
        `PixelCounts`.

    Raises:
        InputError: Masks have another shape, or hold labels that are neither a class nor ignored.

    Examples:
        >>> import numpy as np
        >>> counts = count_pixels([(None, np.array([[[0, 1, 1, 255]]]))], num_classes=2, ignore_class=255)
        >>> counts.pixel_counts.tolist(), counts.ignored_counts.tolist()
        ([[1, 2]], [1])
    """
    num_classes = _validation.integer("num_classes", num_classes, 2)
    ignored = _validation.ignored_classes(ignore_class)
    classes, voids = [], []
    for batch in dataset:
        masks = np.asarray(batch[1])
        if masks.ndim == 4 and masks.shape[-1] == 1:
            masks = masks[..., 0]
        if masks.ndim != 3:
            _validation.fail("dataset", "must give masks of ids (batch, height, width)", masks.shape)
        for mask in masks:
            void = np.isin(mask, ignored)
            values, counts = np.unique(mask[~void], return_counts=True)
            wrong = [value.item() for value in values if value not in range(num_classes)]
            if wrong:
                _validation.fail(
                    "dataset",
                    f"holds labels that are neither a class, 0 to {num_classes - 1}, nor ignored",
                    wrong[:8],
                    "Pass them as ignore_class, or correct the masks or num_classes.",
                )
            row = np.zeros(num_classes, np.int64)
            row[values.astype(int)] = counts
            classes.append(row)
            voids.append(int(void.sum()))
    return PixelCounts(np.reshape(classes, (-1, num_classes)).astype(np.int64), np.asarray(voids, np.int64))
