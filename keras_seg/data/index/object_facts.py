"""What a scan finds out about the objects of an image."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import IGNORE
from keras_seg._text import counted
from keras_seg.data.index.file_listing import some_of
from keras_seg.data.index.instance_pairs import is_object_folder
from keras_seg.data.index.instance_reading import read_object_map

# Up to this number, counting is faster than sorting.
_COUNTED = 1 << 16


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ObjectFacts:
    """What a scan needs to know about the objects of an image.

    Args:
        file: `FileFacts` of the map, or of the first file in a folder.
        ids: the numbers in the map.
        pieces: connected parts of all objects together.
        scattered: number of objects in several parts; 0 for a folder, where each file is one object.
        is_file: whether the mask is a file, not a folder.
        overlapping: number of objects that share pixels with another one.
        hidden: number of objects that others cover completely.
        inverted: names of files that seem to be black on white.
        empty: names of files without an object, beside others of the image.
    """

    file: FileFacts
    ids: tuple[int, ...]
    pieces: int
    scattered: int
    is_file: bool
    overlapping: int = 0
    hidden: int = 0
    inverted: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def object_facts(
    path: pathlib.Path, *, components: bool | None, ignored: tuple[int, ...]
) -> tuple[ObjectFacts, np.ndarray]:
    """The facts, and the map of the objects as stored. `components` is None if it is to be found out."""
    is_file = not is_object_folder(path)
    found = read_object_map(path, components=bool(components) and is_file, ignored=ignored, exif_orientation=IGNORE)
    ids = found.ids
    numbers = _numbers(ids)
    pieces, scattered = len(numbers), 0
    if is_file:
        ndimage = _validation.optional_import("scipy.ndimage", "boundary", "`scan_instances`")
        compact = np.searchsorted(numbers, ids) + 1
        compact[ids <= 0] = 0
        # Pixels that share a corner are connected here: a thin oblique object is in one piece.
        parts = [
            ndimage.label(compact[box] == number, np.ones((3, 3)))[1]
            for number, box in enumerate(ndimage.find_objects(compact), 1)
        ]
        scattered = sum(count > 1 for count in parts)
        if components is None and len(numbers) == 1:
            pieces = ndimage.label(ids > 0)[1]
    facts = ObjectFacts(
        file=found.file,
        ids=tuple(numbers.tolist()),
        pieces=pieces,
        scattered=scattered,
        is_file=is_file,
        overlapping=found.overlapping,
        hidden=found.hidden,
        inverted=found.inverted,
        empty=found.empty,
    )
    return facts, ids


def overlap_notice(seen: Sequence[tuple[pathlib.Path, ObjectFacts]]) -> str:
    """A line about objects that share pixels, from the mask of each image; "" if there are none."""
    shared = [(path, facts) for path, facts in seen if facts.overlapping]
    if not shared:
        return ""
    hidden = sum(facts.hidden for _, facts in shared)
    covered = f" {counted(hidden, 'object is', 'objects are')} covered completely, and lost." if hidden else ""
    # In the Data Science Bowl, every folder of objects is called masks.
    folder = shared[0][0]
    return (
        f"{sum(facts.overlapping for _, facts in shared)} objects in {counted(len(shared), 'image')} overlap, such as "
        f"in {folder.parent.name}/{folder.name}/: the smaller one lies on top.{covered}"
    )


def empty_notice(seen: Sequence[tuple[pathlib.Path, ObjectFacts]]) -> str:
    """A line about masks of objects that hold none; "" if there are none."""
    empty = [name for _, facts in seen for name in facts.empty]
    return f"{counted(len(empty), 'mask file holds', 'mask files hold')} no object: {some_of(empty)}." if empty else ""


def inversion_notice(seen: Sequence[tuple[pathlib.Path, ObjectFacts]]) -> str:
    """A line about masks that seem to be black on white; "" if there are none."""
    return inversion_line([name for _, facts in seen for name in facts.inverted])


def inversion_line(inverted: Sequence[str]) -> str:
    """The line about masks of these names, which seem to be black on white; "" if there are none."""
    if not inverted:
        return ""
    return (
        f"{counted(len(inverted), 'mask file is', 'mask files are')} white in all corners and in over half of the "
        f"image: {some_of(inverted)}. If black is the object there, invert the values."
    )


def _numbers(ids: np.ndarray) -> np.ndarray:
    positive = ids[ids > 0]
    if positive.size and positive.max() < _COUNTED:
        return np.flatnonzero(np.bincount(positive))
    return np.unique(positive)
