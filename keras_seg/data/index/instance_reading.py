"""Read maps that number the objects of an image, from any kind of mask file."""

import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.orientation import CHOICES
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.instance_pairs import is_object_folder
from keras_seg.data.index.object_files import VOID, ObjectMap, checked_white, joined_objects, stored_numbers
from keras_seg.data.index.object_pixels import looks_inverted, white_pixels


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
    ).ids


def read_object_map(
    path: pathlib.Path, *, components: bool, ignored: tuple[int, ...], exif_orientation: str
) -> ObjectMap:
    """As `read_instances`, with what became of the objects."""
    if is_object_folder(path):
        if components:
            raise InputError(f"{path}: is a folder of masks. Remove components=True, which applies to a single file.")
        return joined_objects(path, ignored, exif_orientation)
    values, file = stored_numbers(path, exif_orientation)
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
        rule = " and is not a black and white mask. Pass components=False if they are the numbers of objects."
        ids = ndimage.label(checked_white(path, np.where(void, 0, values), rule))[0]
    else:
        ids = values
    white = white_pixels(values)
    inverted = (path.name,) if white is not None and looks_inverted(values > 0) else ()
    return ObjectMap(np.where(void, VOID, ids).astype("int32"), file, inverted=inverted)
