"""What a net learns about objects: their bodies, their borders, how deep a pixel lies in them."""

from typing import Any, NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg.data.index.instance_reading import VOID
from keras_seg.data.targets.target_pipeline import with_targets

INSTANCE_CLASSES = ("background", "body", "border")
# Above every number of an object. SciPy's filters go through float64, which has no 2^63 - 1.
_NOBODY = 2**40


class InstanceTargets(NamedTuple):
    """Maps (height, width) made of a map of objects."""

    body: Any
    """bool: pixels of objects that are not border."""
    border: Any
    """bool: pixels with two objects near by; with `outlines`, the rims of all objects too."""
    distance: Any
    """float32 in [0, 1]: distance to the nearest pixel outside the own object, as a share of the object's greatest."""
    classes: Any
    """int32: 0 background, 1 body, 2 border within objects, -1 where the map is below 0."""


def instance_targets(ids, *, border_width=2, outlines=False, ignore_class=None):
    """Body, border, distance and classes of a map of objects; for U-Net's weight map see `boundary_weights`.

    Border are the pixels, of objects or between them, that have pixels of two different objects within `border_width`
    rows and columns. With `outlines` so are the pixels of objects that have background as near. The rest of an object
    is its body; an object that would have none, because it is thin and others are on all sides, keeps its deepest
    pixels, so that nothing is lost, away from the bodies of others where it can.

    The classes are what a softmax of three channels learns (`--task instances`). A border pixel that belongs to no
    object, in the gap between two, is background there, so that objects do not grow when they are put together again.

    The frame of the image is no border, nor is the rim of pixels that do not count: what lies beyond is not known.

    Args:
        ids: integer array (height, width): 0 for no object, other numbers for the objects, -1 and what `ignore_class`
            names for pixels that do not count.
        border_width: int >= 1, pixels. Defaults to 2.
        outlines: bool. Defaults to False, for the borders of touching objects alone.
        ignore_class: None, int or sequence of int. Defaults to None.

    Returns:
        `InstanceTargets`.

    Raises:
        InputError: `ids` is no integer map or holds numbers below 0 that are not ignored; `border_width` is too small.
        ImportError: SciPy is missing: `pip install "keras-seg[instances]"`.

    Examples:
        >>> ids = np.zeros((5, 8), int)
        >>> ids[:, :4], ids[:, 4:7] = 1, 2  # two objects that touch
        >>> instance_targets(ids, border_width=1).classes[2].tolist()
        [1, 1, 1, 2, 2, 1, 1, 0]

    Reference:
        - [Caicedo et al., 2019](https://doi.org/10.1038/s41592-019-0612-7): nets of the Data Science Bowl 2018 that
          tell background, interior and border apart.
    """
    ndimage, ids, width = _checked(ids, border_width, outlines, ignore_class)
    body, border, classes = _regions(ndimage, ids, width, outlines)
    return InstanceTargets(body, border, _depth(ndimage, ids), classes=classes)


def add_instance_targets(dataset, *, border_width=2, outlines=False):
    """The dataset (image, ids) as (image, classes): `instance_targets` of each map, after augmentation.

    Args:
        dataset: `tf.data.Dataset` of batches (image, ids), ids (batch, height, width), as `from_folder` gives for an
            `InstanceIndex`.
        border_width: as for `instance_targets`. Defaults to 2.
        outlines: as for `instance_targets`. Defaults to False.

    Returns:
        `tf.data.Dataset` of (image, int32 classes (batch, height, width)): 0 background, 1 body, 2 border, -1 for
        pixels that do not count (`ignore_class=-1` in losses and metrics).

    Raises:
        InputError, ImportError: as `instance_targets`; arguments are checked at once.

    Examples:
        >>> import tensorflow as tf
        >>> ids = np.kron([[1, 2], [0, 3]], np.ones((4, 4), "int32"))[None]
        >>> dataset = tf.data.Dataset.from_tensor_slices((np.zeros((1, 8, 8, 3), "float32"), ids)).batch(1)
        >>> images, classes = next(iter(add_instance_targets(dataset, border_width=1)))
        >>> classes[0, 0].numpy().tolist()
        [1, 1, 1, 2, 2, 1, 1, 1]
    """
    _checked(np.zeros((1, 1), int), border_width, outlines, None)

    def classes(ids):
        ndimage, ids, width = _checked(ids, border_width, outlines, None)
        return _regions(ndimage, ids, width, outlines)[2]

    return with_targets(dataset, classes)


def _checked(ids, border_width, outlines, ignore_class):
    ndimage = _validation.optional_import("scipy.ndimage", "instances", "`instance_targets`")
    width = _validation.integer("border_width", border_width)
    _validation.boolean("outlines", outlines)
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in "iub":
        fix = "Pass whole numbers: ids.astype('int32')." if ids.ndim == 2 else "Pass one map at a time."
        _validation.fail("ids", "must be an integer map (height, width) of objects", (ids.shape, str(ids.dtype)), fix)
    if not ids.size:
        _validation.fail("ids", "must hold at least one pixel", ids.shape)
    ids = np.where(np.isin(ids, _validation.ignored_classes(ignore_class)), VOID, ids.astype("int64"))
    if ids.min() < VOID:
        fix = "Number objects from 1, 0 for none; pass what marks pixels without a label as ignore_class."
        _validation.fail("ids", "must not hold numbers below 0, but -1 for pixels that do not count", ids.min(), fix)
    return ndimage, ids, width


def _regions(ndimage, ids, width, outlines):
    """Body, border and classes."""
    inside, side = ids > 0, 2 * width + 1
    # Two different objects are near where the largest number near by is not the smallest.
    largest = ndimage.maximum_filter(ids, side, mode="nearest")
    smallest = ndimage.minimum_filter(np.where(inside, ids, _NOBODY), side, mode="nearest")
    border = (largest > 0) & (smallest != _NOBODY) & (largest != smallest)
    if outlines:
        border |= inside & ndimage.maximum_filter(ids == 0, side, mode="nearest")
    body = inside & ~border
    for number in np.setdiff1d(ids[inside], ids[body]):
        own = ids == number
        box = _around(ndimage.find_objects(own.astype("int32"))[0])
        # Beside the body of another the two would be one.
        free = own[box] & ~ndimage.binary_dilation(body[box])
        depth = _distances(ndimage, own[box]) * (free if free.any() else own[box])
        parts = ndimage.label(depth == depth.max())[0]
        body[box] |= parts == 1 + np.bincount(parts.ravel())[1:].argmax()
    border &= ~body
    classes = np.where(body, 1, np.where(border & inside, 2, 0))
    return body, border, np.where(ids < 0, VOID, classes).astype("int32")


def _depth(ndimage, ids):
    """The distance transform of each object by itself, divided by its maximum."""
    depth = np.zeros(ids.shape, "float32")
    numbers, compact = np.unique(np.maximum(ids, 0), return_inverse=True)
    compact = compact.reshape(ids.shape) + (0 if numbers.size and numbers[0] == 0 else 1)
    for number, box in enumerate(ndimage.find_objects(compact), 1):
        box = _around(box)
        own = compact[box] == number
        distance = _distances(ndimage, own)
        depth[box][own] = (distance / distance.max())[own]
    return depth


def _distances(ndimage, own):
    """Distance to the nearest pixel of another object or none; all 1 where the object fills its window, and so the
    image."""
    return np.ones(own.shape) if own.all() else ndimage.distance_transform_edt(own)


def _around(box):
    """A window with one pixel more on each side, which the slice cuts at the frame of the image."""
    return tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
