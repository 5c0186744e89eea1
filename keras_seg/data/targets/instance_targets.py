"""Targets for instance segmentation: bodies, borders, and the depth of each pixel inside its object."""

from __future__ import annotations

import dataclasses
import functools
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.data.index.object_files import VOID
from keras_seg.data.targets.near_two_labels import near_two_labels
from keras_seg.data.targets.target_pipeline import with_targets

if TYPE_CHECKING:
    import tensorflow as tf

INSTANCE_CLASSES = ("background", "body", "border")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class InstanceTargets:
    """Maps (height, width) computed from a map of objects.

    Args:
        body: bool array. Pixels of objects that are not border.
        border: bool array. Pixels near two objects; with `outlines`, also the outlines of all objects.
        distance: float32 array in [0, 1]. Distance to the nearest pixel outside the object, divided by the object's
            maximum.
        classes: int32 array. 0 background, 1 body, 2 border inside objects, -1 for ignored pixels.
    """

    body: np.ndarray
    border: np.ndarray
    distance: np.ndarray
    classes: np.ndarray


def instance_targets(
    ids: ArrayLike, *, border_width: int = 2, outlines: bool = False, ignore_class: IgnoreClass = None
) -> InstanceTargets:
    """Body, border, distance and classes of a map of objects; for U-Net's weight map see `boundary_weights`.

    A pixel is border if two different objects are within `border_width` rows and columns; it may be inside an object or
    between two. With `outlines`, a pixel of an object with background that near is border too. The rest of an object is
    its body. A thin object between others would have no body: its deepest pixels stay body, away from other bodies
    where possible, so that no object is lost.

    The classes are the targets of a softmax with three channels (the task "instances" of `keras_seg.training`). A
    border pixel in the gap between two objects is background there, so that objects do not grow when they are
    reassembled.

    The border of the image and of ignored regions is not a border of objects, because the label beyond it is unknown.

    Args:
        ids: integer array (height, width): 0 for no object, positive numbers for the objects, -1 and the labels of
            `ignore_class` for ignored pixels.
        border_width: int >= 1. Pixels. Defaults to 2.
        outlines: bool. Whether the outlines of all objects are border. Defaults to False, for touching objects only.
        ignore_class: int or sequence of int. Labels of ignored pixels. Defaults to None.

    Returns:
        `InstanceTargets`.

    Raises:
        InputError: `ids` is not an integer map or holds negative numbers that are not ignored; `border_width` is too
            small.
        ImportError: SciPy is missing: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> ids = np.zeros((5, 8), int)
        >>> ids[:, :4], ids[:, 4:7] = 1, 2  # two objects that touch
        >>> instance_targets(ids, border_width=1).classes[2].tolist()
        [1, 1, 1, 2, 2, 1, 1, 0]

    Reference:
        - [Caicedo et al., 2019](https://doi.org/10.1038/s41592-019-0612-7): networks of the Data Science Bowl 2018 that
          separate background, interior and border.
    """
    ndimage, ids, width = _checked(ids, border_width, outlines=outlines, ignore_class=ignore_class)
    body, border, classes = _regions(ndimage, ids, width, outlines=outlines)
    return InstanceTargets(body=body, border=border, distance=_depth(ndimage, ids), classes=classes)


def add_instance_targets(
    dataset: tf.data.Dataset, *, border_width: int = 2, outlines: bool = False, ignore_class: IgnoreClass = None
) -> tf.data.Dataset:
    """The dataset (image, ids) as (image, classes): `instance_targets` of each map, after augmentation.

    Args:
        dataset: `tf.data.Dataset` of batches (image, ids), ids (batch, height, width), as from `from_folder` for an
            `InstanceIndex`.
        border_width: int >= 1. See `instance_targets`. Defaults to 2.
        outlines: bool. See `instance_targets`. Defaults to False.
        ignore_class: int or sequence of int. Labels of ignored pixels besides -1. Defaults to None.

    Returns:
        `tf.data.Dataset` of (image, int32 classes (batch, height, width)): 0 background, 1 body, 2 border, -1 for
        ignored pixels (`ignore_class=-1` in losses and metrics).

    Raises:
        InputError: As for `instance_targets`; arguments are checked immediately.
        ImportError: As for `instance_targets`.

    Examples:
        >>> import tensorflow as tf
        >>> ids = np.kron([[1, 2], [0, 3]], np.ones((4, 4), "int32"))[None]
        >>> dataset = tf.data.Dataset.from_tensor_slices((np.zeros((1, 8, 8, 3), "float32"), ids)).batch(1)
        >>> images, classes = next(iter(add_instance_targets(dataset, border_width=1)))
        >>> classes[0, 0].numpy().tolist()
        [1, 1, 1, 2, 2, 1, 1, 1]
    """
    ignored = _validation.ignored_classes(ignore_class)
    classes = functools.partial(instance_classes, border_width=border_width, outlines=outlines, ignore_class=ignored)
    classes(np.zeros((1, 1), int))
    return with_targets(dataset, classes)


def instance_classes(
    ids: ArrayLike, *, border_width: int = 2, outlines: bool = False, ignore_class: IgnoreClass = None
) -> np.ndarray:
    """The classes of `instance_targets` alone: finding the depth of every pixel takes longer than everything else."""
    ndimage, ids, width = _checked(ids, border_width, outlines=outlines, ignore_class=ignore_class)
    return _regions(ndimage, ids, width, outlines=outlines)[2]


def _checked(
    ids: ArrayLike, border_width: int, *, outlines: bool, ignore_class: IgnoreClass
) -> tuple[ModuleType, np.ndarray, int]:
    """(`scipy.ndimage`, ids as int64 with -1 for ignored pixels, border width)."""
    ndimage = _validation.optional_import("scipy.ndimage", "boundary", "`instance_targets`")
    width = _validation.integer("border_width", border_width)
    _validation.boolean("outlines", outlines)
    ids = np.asarray(ids)
    if ids.ndim != 2 or ids.dtype.kind not in "iub":
        fix = "Pass integers: ids.astype('int32')." if ids.ndim == 2 else "Pass one map at a time."
        _validation.fail("ids", "must be an integer map (height, width) of objects", (ids.shape, str(ids.dtype)), fix)
    if not ids.size:
        _validation.fail("ids", "must hold at least one pixel", ids.shape)
    ids = np.where(np.isin(ids, _validation.ignored_classes(ignore_class)), VOID, ids.astype("int64"))
    if ids.min() < VOID:
        fix = "Number objects from 1, 0 for none, and pass the labels of ignored pixels as ignore_class."
        _validation.fail("ids", "must not hold numbers below 0, except for -1 (ignored)", int(ids.min()), fix)
    return ndimage, ids, width


def _regions(
    ndimage: ModuleType, ids: np.ndarray, width: int, *, outlines: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Body, border and classes."""
    inside = ids > 0
    border = near_two_labels(ndimage, ids, inside, width=width)
    if outlines:
        border |= inside & ndimage.maximum_filter(ids == 0, 2 * width + 1, mode="nearest")
    body = inside & ~border
    for number in _without_body(ids, inside, body):
        own = ids == number
        box = _around(ndimage.find_objects(own.astype("int32"))[0])
        # Beside the body of another object, the two bodies would merge.
        free = own[box] & ~ndimage.binary_dilation(body[box])
        depth = _distances(ndimage, own[box]) * (free if free.any() else own[box])
        parts = ndimage.label(depth == depth.max())[0]
        body[box] |= parts == 1 + np.bincount(parts.ravel())[1:].argmax()
    border &= ~body
    classes = np.where(body, 1, np.where(border & inside, 2, 0))
    return body, border, np.where(ids < 0, VOID, classes).astype("int32")


def _without_body(ids: np.ndarray, inside: np.ndarray, body: np.ndarray) -> np.ndarray:
    """The objects that are all border, in the order of their first pixel, which does not depend on their numbers."""
    lost = np.setdiff1d(ids[inside], ids[body])
    if lost.size < 2:
        return lost
    numbers, first = np.unique(ids, return_index=True)
    return lost[np.argsort(first[np.searchsorted(numbers, lost)])]


def _depth(ndimage: ModuleType, ids: np.ndarray) -> np.ndarray:
    """The distance transform of each object alone, divided by its maximum."""
    depth = np.zeros(ids.shape, "float32")
    numbers, compact = np.unique(np.maximum(ids, 0), return_inverse=True)
    compact = compact.reshape(ids.shape) + (0 if numbers.size and numbers[0] == 0 else 1)
    for number, box in enumerate(ndimage.find_objects(compact), 1):
        box = _around(box)
        own = compact[box] == number
        distance = _distances(ndimage, own)
        depth[box][own] = (distance / distance.max())[own]
    return depth


def _distances(ndimage: ModuleType, own: np.ndarray) -> np.ndarray:
    """Distance to the nearest pixel outside the object; all 1 if the object fills its window, and so the image."""
    return np.ones(own.shape) if own.all() else ndimage.distance_transform_edt(own)


def _around(box: tuple[slice, ...]) -> tuple[slice, ...]:
    """A window with one more pixel on each side, clipped to the image."""
    return tuple(slice(max(side.start - 1, 0), side.stop + 1) for side in box)
