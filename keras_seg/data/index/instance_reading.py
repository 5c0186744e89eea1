"""Read maps that number the objects of an image, from any kind of mask file."""

import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.arrays import is_array
from keras_seg._decoding.decode import array_facts
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import APPLY, CHOICES, upright
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index import black_and_white
from keras_seg.data.index.instance_pairs import is_object_folder, object_files
from keras_seg.data.index.mask_facts import facts_of
from keras_seg.data.index.mask_ids import lossy_ids
from keras_seg.data.index.mask_reading import apply_map
from keras_seg.data.index.palettes import black_is_zero
from keras_seg.data.index.reading import read_id_array, read_stored_mask

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
    return read_with_facts(pathlib.Path(path), ignored, components=components, exif_orientation=exif_orientation)[0]


def read_with_facts(
    path: pathlib.Path, ignored: tuple[int, ...], *, components: bool, exif_orientation: str
) -> tuple[np.ndarray, FileFacts]:
    """`read_instances`, and the facts of the file or of the first one in the folder."""
    if is_object_folder(path):
        if components:
            raise InputError(f"{path}: is a folder of masks. Remove components=True, which applies to a single file.")
        return _from_objects(path, ignored, exif_orientation)
    values, facts = _numbers(path, exif_orientation)
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
    return np.where(void, VOID, ids).astype("int32"), facts


def _numbers(path: pathlib.Path, exif_orientation: str) -> tuple[np.ndarray, FileFacts]:
    """The values of the file, int64 (height, width), and its facts.

    Black is 0 in black and white palettes and lossy files.
    """
    if is_array(path):
        array = read_id_array(path)
        if array.dtype == np.uint64 and int(array.max()) > np.iinfo("int64").max:
            raise InputError(
                f"{path}: holds {array.max()}, but objects are numbered from 1 to 2^31 - 1. Renumber them."
            )
        return array.astype("int64"), array_facts(path, array)
    values, pixels = read_stored_mask(path)
    facts, file = facts_of(path, values, pixels), pixels.facts
    values = (upright(values, file.orientation) if exif_orientation == APPLY else values).astype("int64")
    if turned := black_is_zero(facts.palette):
        values = apply_map(values, tuple(turned.items())).astype("int64")
    elif facts.lossy:
        if black_and_white.kind_of(facts.counts, lossy=True) == "ids":
            raise lossy_ids(path)
        values = np.where(values >= black_and_white.THRESHOLD, black_and_white.WHITE, 0)
    return values, file


def _from_objects(
    folder: pathlib.Path, ignored: tuple[int, ...], exif_orientation: str
) -> tuple[np.ndarray, FileFacts]:
    objects: list[np.ndarray] = []
    void, first_facts = np.zeros((), bool), None
    for file in object_files(folder):
        values, facts = _numbers(file, exif_orientation)
        first_facts = first_facts or facts
        if facts.orientation != first_facts.orientation:
            raise InputError(
                f"{file}: has EXIF orientation {facts.orientation}, others in its folder {first_facts.orientation}. "
                "Save the masks of all objects without an EXIF orientation, as PNG."
            )
        if objects and values.shape != objects[0].shape:
            first = objects[0].shape
            raise InputError(
                f"{file}: the mask is {values.shape[0]}x{values.shape[1]} (height x width), but the others in its "
                f"folder are {first[0]}x{first[1]}. Save every object's mask at the size of the image."
            )
        ignorable = np.isin(values, ignored)
        void = void | ignorable
        objects.append(_white(_checked_object(file, np.where(ignorable, 0, values))))
    ids = np.zeros(objects[0].shape, "int32")
    sizes = [int(white.sum()) for white in objects]
    # Painted from the largest to the smallest; among equals the first file comes last and stays whole.
    for number in sorted(range(len(objects)), key=lambda i: (-sizes[i], -i)):
        ids[objects[number]] = number + 1
    assert first_facts is not None  # `object_files` refuses empty folders.
    return np.where(void & (ids == 0), VOID, ids).astype("int32"), first_facts


def _checked_black_and_white(path: pathlib.Path, values: np.ndarray) -> np.ndarray:
    """The values, if they are those of a black and white mask."""
    if not _is_black_and_white(values):
        raise InputError(
            f"{path}: holds {len(np.unique(values))} values and is not a black and white mask. "
            "Pass components=False if they are the numbers of objects."
        )
    return values


def _checked_object(path: pathlib.Path, values: np.ndarray) -> np.ndarray:
    """The values, if they are those of one object."""
    if not _is_black_and_white(values):
        raise InputError(
            f"{path}: holds {len(np.unique(values))} values, but a file in a folder of masks holds one object, in "
            "black and white. If they are the numbers of objects, save the file in masks/, with the name of its image."
        )
    return values


def _is_black_and_white(values: np.ndarray) -> bool:
    """Whether the values are two, or black and white with smoothed edges."""
    found, margin = np.unique(values), black_and_white.MARGIN
    flat = ((values <= margin) | (values >= 255 - margin)).mean() >= black_and_white.MIN_SHARE
    return len(found) <= 2 or bool(255 - margin <= found[-1] <= 255 and flat)


def _white(values: np.ndarray) -> np.ndarray:
    """The white pixels: those that are not 0, or the bright half if edges were smoothed."""
    if len(np.unique(values)) <= 2:
        return values != 0
    return values >= black_and_white.THRESHOLD
