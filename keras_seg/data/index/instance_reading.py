"""Maps that number the objects of an image, from whatever files hold them."""

import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index.instance_pairs import object_files
from keras_seg.data.index.reading import read_id_array, read_mask

# The label of pixels that do not count, in every map this package makes; files may use any (`ignore_class`).
VOID = -1
# Gray values this near to black or white are the flat part of a mask that was smoothed or saved as JPEG.
_POLE, _POLE_SHARE = 8, 0.9
# Masks of objects that were smoothed are split where class masks are.
_HALF = 128


def read_instances(path, *, components=False, ignore_class=None):
    """Read a map of objects: 0 for none, 1, 2, ... for the objects.

    A file holds the numbers themselves (PNG or TIFF of 8 or 16 bits, palette PNG, .npy), or is black and white. A
    folder holds a mask for each object, which is what is not 0; where objects overlap, the smaller one lies on top, and
    of equally large ones the one whose file comes first. An image without objects is a map of zeros, or a folder with
    one mask of zeros.

    Args:
        path: the file or folder.
        components: bool. Whether the file is black and white, and each patch of white an object: pixels that touch at
            an edge are of one object, those that touch at a corner are not. Defaults to False.
        ignore_class: None, int or sequence of int, numbers that mark pixels without a label. Defaults to None.

    Returns:
        int32 array (height, width), the numbers as they stand in the file, or from 1 on; -1 where ignored.

    Raises:
        InputError: the file cannot be read, holds fractions or numbers below 0, is not black and white with
            `components`; a folder holds no mask, or masks of different sizes.
        ImportError: SciPy is missing, with `components`: `pip install "keras-seg[instances]"`.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     np.save(folder + "/a.npy", np.array([[0, 7, 7], [0, 0, 9]]))
        ...     read_instances(folder + "/a.npy").tolist()
        [[0, 7, 7], [0, 0, 9]]
    """
    path = pathlib.Path(path)
    ignored = _validation.ignored_classes(ignore_class)
    if path.is_dir():
        return _from_objects(path, ignored)
    values = _numbers(path)
    void = np.isin(values, ignored)
    stray = values[~void]
    if stray.size and (stray.min() < 0 or stray.max() > np.iinfo("int32").max):
        wrong = stray.min() if stray.min() < 0 else stray.max()
        raise InputError(
            f"{path}: holds {wrong}, and objects are numbered from 1 with 0 for none, up to 2^31 - 1. "
            f"Number them anew, or pass ignore_class={wrong} if it marks pixels without a label."
        )
    if components:
        ndimage = _validation.optional_import("scipy.ndimage", "instances", "reading connected components")
        ids = ndimage.label(_white(_black_and_white(path, np.where(void, 0, values))))[0]
    else:
        ids = values
    return np.where(void, VOID, ids).astype("int32")


def _numbers(path):
    """What the file holds, as an integer array (height, width)."""
    if path.suffix.lower() != ".npy":
        return read_mask(path).astype("int64")
    return read_id_array(path).astype("int64")


def _from_objects(folder, ignored):
    objects, void = [], None
    for file in object_files(folder):
        values = _numbers(file)
        if objects and values.shape != objects[0].shape:
            first = objects[0].shape
            raise InputError(
                f"{file}: the mask is {values.shape[0]}x{values.shape[1]} (height x width), but the others in its "
                f"folder are {first[0]}x{first[1]}. Save every object's mask at the size of the image."
            )
        without = np.isin(values, ignored)
        void = without if void is None else void | without
        objects.append(_white(np.where(without, 0, values)))
    ids = np.zeros(objects[0].shape, "int32")
    sizes = [int(white.sum()) for white in objects]
    # Painted from the largest to the smallest; among equals the first file comes last and stays whole.
    for number in sorted(range(len(objects)), key=lambda i: (-sizes[i], -i)):
        ids[objects[number]] = number + 1
    return np.where(void & (ids == 0), VOID, ids).astype("int32")


def _black_and_white(path, values):
    """The values, when they are those of a black and white mask."""
    found = np.unique(values)
    smoothed = 255 - _POLE <= found[-1] <= 255 and ((values <= _POLE) | (values >= 255 - _POLE)).mean() > _POLE_SHARE
    if len(found) > 2 and not smoothed:
        raise InputError(
            f"{path}: holds {len(found)} values and is no black and white mask. "
            "Pass components=False if they are the numbers of objects."
        )
    return values


def _white(values):
    """The object of a black and white mask: what is not 0, or from the middle on where edges were smoothed."""
    if len(np.unique(values)) <= 2:
        return values != 0
    return values >= _HALF
