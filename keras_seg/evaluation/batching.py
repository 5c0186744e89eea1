"""Images and masks in batches, from whatever holds them."""

import functools
import os

import numpy as np

from keras_seg import _validation
from keras_seg.data import FolderIndex, find_splits, scan_folder
from keras_seg.data.pipeline.from_folder import refuse_scan_arguments
from keras_seg.evaluation.equal_sizes import examples_of_equal_size


def labeled_batches(data, classes, split, *, num_classes, ignore_class, batch_size):
    """(function that gives the batches of images and masks, labels to leave out).

    Args:
        data: a `FolderIndex`, a folder, or batches that can be gone through twice.
        classes: int, how many the model has.
        split: of a folder, or None.
        num_classes: of a folder, or None for the model's.
        ignore_class: labels to leave out; an index has its own.
        batch_size: int, images of one size in a batch.

    Raises:
        InputError: something else, or another number of classes.
    """
    batch_size = _validation.integer("batch_size", batch_size)
    if isinstance(data, (str, os.PathLike)):
        splits = find_splits(data)
        if split is None and splits:
            split = "val" if "val" in splits else splits[0]
        data = scan_folder(data, split=split, num_classes=num_classes or classes, ignore_class=ignore_class)
    elif isinstance(data, FolderIndex):
        refuse_scan_arguments(data, split, num_classes, ignore_class=ignore_class)
    if not isinstance(data, FolderIndex):
        return functools.partial(_of_iterable, data), _validation.ignored_classes(ignore_class)
    if data.num_classes != classes:
        _validation.fail("model", f"must have the {data.num_classes} classes of {data.path}", f"{classes} classes")

    def of_index():
        for _, images, masks in examples_of_equal_size(data, batch_size):
            yield images, masks.astype("int32")

    return of_index, data.ignore_class


def _of_iterable(data):
    again = "Pass a list of batches such as [(images, masks)], a finite tf.data.Dataset, a FolderIndex or a folder."
    cardinality = getattr(data, "cardinality", None)
    if not hasattr(data, "__iter__") or (cardinality is not None and int(cardinality()) == -1):
        _validation.fail("data", "must be finite batches (images, masks)", data, again)
    if hasattr(data, "__next__"):
        _validation.fail("data", "is gone through twice, and a generator can be only once", data, again)
    for batch in data:
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            _validation.fail("data", "must hold batches (images, masks)", type(batch).__name__, again)
        images, masks = np.asarray(batch[0], "float32"), np.asarray(batch[1])
        masks = masks[..., 0] if masks.ndim == 4 and masks.shape[-1] == 1 else masks
        if images.ndim != 4 or masks.shape != images.shape[:3]:
            rule = "must hold images (batch, height, width, channels) and masks (batch, height, width)"
            single = images.ndim == 3 and masks.shape == images.shape[:2]
            fix = "Give single images a batch axis: (image[None], mask[None])." if single else ""
            _validation.fail("data", rule, (images.shape, masks.shape), fix)
        yield images, masks
