"""Pixels of each class in any dataset."""

from typing import Any, NamedTuple

import numpy as np

from keras_seg import _validation


class PixelCounts(NamedTuple):
    """What `class_weights` and `loss.adapt` need to know of a data set; a `FolderIndex` has the same two."""

    pixel_counts: Any
    """int64 array (images, classes): pixels of each class in each mask."""
    ignored_counts: Any
    """int64 array (images,): pixels without a class."""


def count_pixels(dataset, num_classes, *, ignore_class=None):
    """Count the pixels of each class in each mask, in one pass; of a folder, `scan_folder` has done so already.

    Args:
        dataset: iterable of batches (images, masks, ...), as a `tf.data.Dataset`; masks are ids (batch, height, width)
            or (batch, height, width, 1). It must end.
        num_classes: int >= 2, number of classes.
        ignore_class: None, int or sequence of int, labels of pixels without a class. Defaults to None.

    Returns:
        `PixelCounts`.

    Raises:
        InputError: for masks of other shapes, and labels that are neither a class nor ignored.

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
            stray = [value.item() for value in values if value not in range(num_classes)]
            if stray:
                _validation.fail(
                    "dataset",
                    f"holds labels that are neither a class, 0 to {num_classes - 1}, nor ignored",
                    stray[:8],
                    "Pass them as ignore_class, or correct the masks or num_classes.",
                )
            row = np.zeros(num_classes, np.int64)
            row[values.astype(int)] = counts
            classes.append(row)
            voids.append(int(void.sum()))
    return PixelCounts(np.reshape(classes, (-1, num_classes)).astype(np.int64), np.asarray(voids, np.int64))
