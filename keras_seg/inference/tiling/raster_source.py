"""Images that are read a window at a time, whatever holds them."""

import os
import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.inference.tiling.mapped_memory import release

_FIX = "Pass an array (height, width, channels), a .npy or .zarr path, a Zarr array, or a reader(y0, y1, x0, x1)."


class RasterSource:
    """An image (height, width, channels) of which windows are read.

    Args:
        image: NumPy array, `np.memmap`, path of a .npy file or .zarr store, anything with `shape`, `dtype` and slices
            such as a Zarr array, or a callable `reader(y0, y1, x0, x1)` that returns rows y0 to y1 and columns x0 to
            x1, ends not included, as an array (rows, columns, channels).
        shape: (height, width, channels) of a reader. Defaults to None, its attribute `shape`.
        channels: int or None, that the image must have.
    """

    def __init__(self, image, shape=None, channels=None):
        self.name = str(image) if isinstance(image, (str, os.PathLike)) else type(image).__name__
        if isinstance(image, (str, os.PathLike)):
            image = _opened(pathlib.Path(image))
        sliced = hasattr(image, "shape") and hasattr(image, "dtype") and hasattr(image, "__getitem__")
        if not sliced and not callable(image):
            image = _array(image)
            sliced = True
        self._image, self._sliced = image, sliced
        if shape is not None and sliced:
            _validation.fail("shape", "must be left out for images that have one", shape)
        if not sliced and shape is None:
            shape = getattr(image, "shape", None)
            if shape is None:
                fix = "Pass shape=(height, width, channels), or give the reader an attribute `shape`."
                _validation.fail("shape", "must be given for a reader", shape, fix)
        self.shape = _checked_shape(image.shape if sliced else shape, channels, self.name)
        self.dtype = np.dtype(image.dtype) if sliced else None
        if sliced and self.dtype.kind not in "buif":
            _validation.fail("image", "must hold numbers", f"dtype {self.dtype}", _FIX)

    def read(self, y0, y1, x0, x1):
        """The window of rows `y0` to `y1` and columns `x0` to `x1` as an array of its own."""
        if self._sliced:
            window = np.array(self._image[y0:y1, x0:x1])
            release(self._image)
        else:
            window = np.asarray(self._image(y0, y1, x0, x1))
        expected = (y1 - y0, x1 - x0, self.shape[2])
        if window.shape != expected or window.dtype.kind not in "buif":
            received = f"{window.dtype}{window.shape} from reader({y0}, {y1}, {x0}, {x1})"
            _validation.fail("image", f"must give windows of shape {expected} that hold numbers", received)
        return window

    def read_mirrored(self, rows, columns):
        """The pixels at positions `rows` by `columns`, which mirroring may have folded back."""
        y0, x0 = rows.min(), columns.min()
        window = self.read(int(y0), int(rows.max()) + 1, int(x0), int(columns.max()) + 1)
        for axis, positions in enumerate((rows - y0, columns - x0)):
            if not np.array_equal(positions, np.arange(window.shape[axis])):
                window = window.take(positions, axis=axis)
        return window


def _opened(path):
    if not path.exists():
        raise InputError(f"{path}: there is no such file. Check the path.")
    if path.suffix == ".npy":
        try:
            return np.load(path, mmap_mode="r")
        except (OSError, ValueError, EOFError) as error:
            raise InputError(
                f"{path}: cannot be read as a NumPy array ({_line(error)}). Save it with np.save."
            ) from error
    if path.suffix == ".zarr":
        zarr = _validation.optional_import("zarr", "scale", "A .zarr store")
        try:
            array = zarr.open(str(path), mode="r")
        except Exception as error:  # Zarr 2 and 3 raise errors of their own, and those of their stores.
            raise InputError(f"{path}: cannot be read as a Zarr array ({_line(error)}).") from error
        if not hasattr(array, "shape"):
            raise InputError(f"{path}: holds a group of arrays. Open it with zarr and pass one of them.")
        return array
    raise InputError(
        f"{path}: must be a .npy file or a .zarr store. Read it first, with keras_seg.data.read_image for instance."
    )


def _array(image):
    try:
        return np.asarray(image)
    except ValueError as error:
        raise InputError(f"`image` cannot be read as an array ({_line(error)}). {_FIX}") from error


def _checked_shape(shape, channels, name):
    shape = tuple(shape) if hasattr(shape, "__iter__") else shape
    if not isinstance(shape, tuple) or len(shape) != 3:
        fix = "Pass one image, not a batch." if isinstance(shape, tuple) and len(shape) == 4 else ""
        fix = "Add the channels: image[..., None]." if isinstance(shape, tuple) and len(shape) == 2 else fix
        _validation.fail("image", "must have the shape (height, width, channels)", shape, fix or _FIX)
    shape = tuple(int(side) for side in shape)
    if min(shape) < 1:
        _validation.fail("image", "must have at least one pixel and one channel", shape, "Check what it was cut from.")
    if channels is not None and shape[2] != channels:
        fix = f"Keep the {channels}: image[..., :{channels}]." if shape[2] > channels else ""
        _validation.fail("image", f"must have the {channels} channels that the model takes", shape, fix)
    return shape


def _line(error):
    return " ".join(str(error).split()) or type(error).__name__
