"""The files of objects: the numbers in one file, or a folder with one file per object."""

import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seg._decoding.arrays import is_array
from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg._decoding.orientation import APPLY, upright
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index import black_and_white
from keras_seg.data.index.instance_pairs import object_files
from keras_seg.data.index.mask_facts import facts_of
from keras_seg.data.index.mask_ids import lossy_ids, mask_ids
from keras_seg.data.index.mask_reading import apply_map
from keras_seg.data.index.object_pixels import looks_inverted, white_pixels
from keras_seg.data.index.palettes import black_is_zero
from keras_seg.data.index.reading import decode_mask
from keras_seg.data.index.refusals import PaintedMaskError

# The label of ignored pixels in every instance map of this package; files may use any number (`ignore_class`).
VOID = -1


class ObjectMap(NamedTuple):
    """A map of objects, and how it came about.

    Args:
        ids: int32 array (height, width).
        file: `FileFacts` of the file, or of the first one in a folder.
        overlapping: number of objects that share pixels with another one.
        hidden: number of objects that others cover completely.
        inverted: names of files that seem to be black on white.
        empty: names of files without an object, beside others of the image.
    """

    ids: np.ndarray
    file: FileFacts
    overlapping: int = 0
    hidden: int = 0
    inverted: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()


def read_object(path: PathLike, *, exif_orientation: str = APPLY) -> np.ndarray:
    """The pixels of the one object or class that a file shows, bool (height, width)."""
    return object_and_facts(path, exif_orientation=exif_orientation)[0]


def object_and_facts(path: PathLike, *, exif_orientation: str) -> tuple[np.ndarray, FileFacts]:
    """`read_object`, and what the file says."""
    path = pathlib.Path(path)
    values, facts = stored_numbers(path, exif_orientation)
    return _white_of_object(path, values), facts


def stored_numbers(path: pathlib.Path, exif_orientation: str) -> tuple[np.ndarray, FileFacts]:
    """The values of the file, integers (height, width): black is 0 in black and white palettes and lossy files."""
    pixels = decode_mask(path)
    return _numbers_of(path, pixels, exif_orientation), pixels.facts


def _numbers_of(path: pathlib.Path, pixels: Pixels, exif_orientation: str) -> np.ndarray:
    file = pixels.facts
    if is_array(path):
        values = pixels.values[..., 0]
        if values.dtype == np.uint64 and int(values.max()) > np.iinfo("int64").max:
            raise InputError(
                f"{path}: holds {values.max()}, but objects are numbered from 1 to 2^31 - 1. Renumber them."
            )
        return values
    try:
        values = mask_ids(path, pixels, None)
    except PaintedMaskError as error:
        raise PaintedMaskError(
            f"{path}: the mask is painted in colors. Save the objects of an image as numbers from 1, or one object per "
            "file in black and white."
        ) from error
    turned = {}
    if file.palette or file.lossy:
        facts = facts_of(path, values, pixels)
        turned = black_is_zero(facts.palette)
        if facts.spoiled and not turned:
            raise lossy_ids(path)
    if turned:
        values = apply_map(values, tuple(turned.items()))
    elif file.lossy:
        values = np.where(values >= black_and_white.THRESHOLD, black_and_white.WHITE, 0)
    return upright(values, file.orientation) if exif_orientation == APPLY else values


def joined_objects(folder: pathlib.Path, ignored: tuple[int, ...], exif_orientation: str) -> ObjectMap:
    """The map of a folder with one black and white file per object."""
    pixels_of: list[np.ndarray] = []  # Positions in the flattened map.
    inverted: list[str] = []
    empty: list[str] = []
    void = np.zeros((), bool)
    first: tuple[np.ndarray, FileFacts] | None = None
    for file in object_files(folder):
        pixels = decode_mask(file, cropped=not ignored)
        values, facts = _numbers_of(file, pixels, exif_orientation), pixels.facts
        shape = facts.turned_size if exif_orientation == APPLY else facts.size
        first = first or (np.zeros(shape, "int32"), facts)
        if facts.orientation != first[1].orientation:
            raise InputError(
                f"{file}: has EXIF orientation {facts.orientation}, others in its folder {first[1].orientation}. "
                "Save the masks of all objects without an EXIF orientation, as PNG."
            )
        height, width = first[0].shape
        if shape != (height, width):
            raise InputError(
                f"{file}: the mask is {shape[0]}x{shape[1]} (height x width), but the others in its "
                f"folder are {height}x{width}. Save every object's mask at the size of the image."
            )
        if ignored:
            ignorable = np.isin(values, ignored)
            void = void | ignorable
            values = np.where(ignorable, 0, values)
        outside = height * width - values.size
        white = _white_of_object(file, values, outside=outside)
        place = np.flatnonzero(white)
        if outside:
            rows, columns = np.divmod(place, max(1, white.shape[1]))
            place = (rows + pixels.place[0]) * width + columns + pixels.place[1]
        pixels_of.append(place)
        shown = f"{folder.parent.name}/{folder.name}/{file.name}"
        if not len(place):
            empty.append(shown)
        # A rectangle that leaves something out leaves out a corner.
        if not outside and looks_inverted(white):
            inverted.append(shown)
    if first is None:
        raise ValueError("`object_files` gives at least one file.")
    ids, facts = first
    flat = ids.reshape(-1)
    # Painted from the largest to the smallest; among equals the first file comes last and stays whole.
    for number in sorted(range(len(pixels_of)), key=lambda i: (-len(pixels_of[i]), -i)):
        flat[pixels_of[number]] = number + 1
    overlapping, hidden = _overlaps(pixels_of, ids)
    if ignored:
        ids[void & (ids == 0)] = VOID
    if len(pixels_of) == 1:
        empty = []  # This is how an image without objects is stored.
    return ObjectMap(ids, facts, overlapping, hidden, tuple(inverted), tuple(empty))


def _overlaps(pixels_of: Sequence[np.ndarray], ids: np.ndarray) -> tuple[int, int]:
    """How many objects share pixels, and how many of them cannot be seen."""
    if sum(map(len, pixels_of)) == np.count_nonzero(ids):
        return 0, 0
    times = np.zeros(ids.size, "int32")
    for pixels in pixels_of:
        times[pixels] += 1
    overlapping = sum(bool((times[pixels] > 1).any()) for pixels in pixels_of)
    seen = np.count_nonzero(np.bincount(ids.reshape(-1), minlength=1)[1:])
    return overlapping, sum(len(pixels) > 0 for pixels in pixels_of) - int(seen)


def _white_of_object(path: pathlib.Path, values: np.ndarray, *, outside: int = 0) -> np.ndarray:
    """The white pixels of a file that must hold one object."""
    return checked_white(
        path,
        values,
        ", but one of several masks of an image holds one object or class, in black and white. If they are the numbers "
        "of objects, save the file in masks/, with the name of its image.",
        outside=outside,
    )


def checked_white(path: pathlib.Path, values: np.ndarray, otherwise: str, *, outside: int = 0) -> np.ndarray:
    """The white pixels; a mask of more values is refused with the number of them, and with `otherwise`."""
    white = white_pixels(values, outside=outside)
    if white is None:
        found = np.unique(values)
        count = len(found) + bool(outside and 0 not in found)
        raise InputError(f"{path}: holds {count} values{otherwise}")
    return white
