"""Read maps that number the objects of an image, from any kind of mask file."""

import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.arrays import is_array
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import APPLY, CHOICES, upright
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index import black_and_white
from keras_seg.data.index.instance_pairs import is_object_folder, object_files
from keras_seg.data.index.mask_facts import facts_of
from keras_seg.data.index.mask_ids import lossy_ids, mask_ids
from keras_seg.data.index.mask_reading import apply_map
from keras_seg.data.index.palettes import black_is_zero
from keras_seg.data.index.reading import decode_mask

# The label of ignored pixels in every instance map of this package; files may use any number (`ignore_class`).
VOID = -1


def read_instances(
    path: PathLike, *, components: bool = False, ignore_class: IgnoreClass = None, exif_orientation: str = "apply"
) -> np.ndarray:
    """Read a map of objects: 0 for the background, 1, 2, ... for the objects.

    A file holds the numbers themselves (PNG or TIFF of 8 or 16 bits, palette PNG, .npy), or is black and white. A
    folder holds one mask per object, whose nonzero pixels are the object. Where objects overlap, the smaller one is on
    top, and among equally large ones the one whose file comes first. An image without objects has a map of zeros, or a
    folder with one mask of zeros.

    Args:
        path: path. The file or folder.
        components: bool. Whether the file is black and white, and each connected patch of white is an object. Pixels
            that share an edge are connected; pixels that share a corner are not. Defaults to False.
        ignore_class: int or sequence of int. Numbers of pixels without a label. Defaults to None.
        exif_orientation: str. "apply" turns files as their EXIF orientation says, "ignore" reads the stored pixels.
            Defaults to "apply".

    Returns:
        int32 array (height, width): the numbers of the file, or 1, 2, ...; -1 for ignored pixels.

    Raises:
        InputError: The file cannot be read, holds fractions or negative numbers, or is not black and white with
            `components`; a folder holds no mask or masks of different sizes, or is read with `components`.
        ImportError: SciPy is missing, with `components`: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(folder + "/a.npy", np.array([[0, 7, 7], [0, 0, 9]]))
        ...     read_instances(folder + "/a.npy").tolist()
        [[0, 7, 7], [0, 0, 9]]
    """
    _validation.boolean("components", components)
    _validation.one_of("exif_orientation", exif_orientation, CHOICES)
    ignored = _validation.ignored_classes(ignore_class)
    return read_object_map(
        pathlib.Path(path), components=components, ignored=ignored, exif_orientation=exif_orientation
    )[0]


def read_object_map(
    path: pathlib.Path, *, components: bool, ignored: tuple[int, ...], exif_orientation: str
) -> tuple[np.ndarray, FileFacts]:
    """As `read_instances`, with the facts of the file, or of the first one in a folder."""
    if is_object_folder(path):
        if components:
            raise InputError(f"{path}: is a folder of masks. Remove components=True, which applies to a single file.")
        return _from_objects(path, ignored, exif_orientation)
    values, file = _numbers(path, exif_orientation)
    values = values.astype("int64")
    void = np.isin(values, ignored)
    counted = values[~void]
    if counted.size and (counted.min() < 0 or counted.max() > np.iinfo("int32").max):
        wrong = counted.min() if counted.min() < 0 else counted.max()
        raise InputError(
            f"{path}: holds {wrong}, but objects are numbered from 1 to 2^31 - 1, and 0 is the background. "
            f"Renumber them, or pass ignore_class={wrong} if it marks pixels without a label."
        )
    if components:
        ndimage = _validation.optional_import("scipy.ndimage", "boundary", "reading connected components")
        ids = ndimage.label(_white(_checked_black_and_white(path, np.where(void, 0, values))))[0]
    else:
        ids = values
    return np.where(void, VOID, ids).astype("int32"), file


def _numbers(path: pathlib.Path, exif_orientation: str) -> tuple[np.ndarray, FileFacts]:
    """The values of the file, integers (height, width): black is 0 in black and white palettes and lossy files."""
    pixels = decode_mask(path)
    file = pixels.facts
    if is_array(path):
        values = pixels.values[..., 0]
        if values.dtype == np.uint64 and int(values.max()) > np.iinfo("int64").max:
            raise InputError(
                f"{path}: holds {values.max()}, but objects are numbered from 1 to 2^31 - 1. Renumber them."
            )
        return values, file
    values = mask_ids(path, pixels, None)
    turned = {}
    if file.palette or file.lossy:
        facts = facts_of(path, values, pixels)
        turned = black_is_zero(facts.palette)
        if file.lossy and not turned and black_and_white.kind_of(facts.counts, lossy=True) == "ids":
            raise lossy_ids(path)
    if turned:
        values = apply_map(values, tuple(turned.items()))
    elif file.lossy:
        values = np.where(values >= black_and_white.THRESHOLD, black_and_white.WHITE, 0)
    return upright(values, file.orientation) if exif_orientation == APPLY else values, file


def _from_objects(
    folder: pathlib.Path, ignored: tuple[int, ...], exif_orientation: str
) -> tuple[np.ndarray, FileFacts]:
    pixels_of: list[np.ndarray] = []  # Positions in the flattened map.
    void = np.zeros((), bool)
    first: tuple[np.ndarray, FileFacts] | None = None
    for file in object_files(folder):
        values, facts = _numbers(file, exif_orientation)
        first = first or (np.zeros(values.shape, "int32"), facts)
        if facts.orientation != first[1].orientation:
            raise InputError(
                f"{file}: has EXIF orientation {facts.orientation}, others in its folder {first[1].orientation}. "
                "Save the masks of all objects without an EXIF orientation, as PNG."
            )
        if values.shape != first[0].shape:
            height, width = first[0].shape
            raise InputError(
                f"{file}: the mask is {values.shape[0]}x{values.shape[1]} (height x width), but the others in its "
                f"folder are {height}x{width}. Save every object's mask at the size of the image."
            )
        if ignored:
            ignorable = np.isin(values, ignored)
            void = void | ignorable
            values = np.where(ignorable, 0, values)
        pixels_of.append(np.flatnonzero(_white_of_object(file, values)))
    if first is None:
        raise ValueError("`object_files` gives at least one file.")
    ids, facts = first
    # Painted from the largest to the smallest; among equals the first file comes last and stays whole.
    for number in sorted(range(len(pixels_of)), key=lambda i: (-len(pixels_of[i]), -i)):
        ids.flat[pixels_of[number]] = number + 1
    return np.where(void & (ids == 0), VOID, ids).astype("int32"), facts


def _checked_black_and_white(path: pathlib.Path, values: np.ndarray) -> np.ndarray:
    """The values, if they are those of a black and white mask."""
    if not _is_black_and_white(values):
        raise InputError(
            f"{path}: holds {len(np.unique(values))} values and is not a black and white mask. "
            "Pass components=False if they are the numbers of objects."
        )
    return values


def _white_of_object(path: pathlib.Path, values: np.ndarray) -> np.ndarray:
    """`_white`, of a file that must hold one object."""
    if not _is_black_and_white(values):
        raise InputError(
            f"{path}: holds {len(np.unique(values))} values, but a file in a folder of masks holds one object, in "
            "black and white. If they are the numbers of objects, save the file in masks/, with the name of its image."
        )
    return _white(values)


def _is_black_and_white(values: np.ndarray) -> bool:
    """Whether the values are two, or black and white with smoothed edges."""
    if _has_one_other_value(values):
        return True
    found, margin = np.unique(values), black_and_white.MARGIN
    flat = ((values <= margin) | (values >= 255 - margin)).mean() >= black_and_white.MIN_SHARE
    return len(found) <= 2 or bool(255 - margin <= found[-1] <= 255 and flat)


def _has_one_other_value(values: np.ndarray) -> bool:
    """Whether 0 and one positive value occur, as in nearly all masks of objects: faster than listing them."""
    largest = values.max(initial=0)
    return bool(largest > 0) and np.count_nonzero(values == largest) == np.count_nonzero(values)


def _white(values: np.ndarray) -> np.ndarray:
    """The white pixels: those that are not 0, or the bright half if edges were smoothed."""
    if _has_one_other_value(values) or len(np.unique(values)) <= 2:
        return values != 0
    return values >= black_and_white.THRESHOLD
