"""Arrays in `.npy` files and `.zarr` stores."""

import os
import pathlib
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.archive_member import archive_member
from keras_seg._decoding.checked_file import refuse_pointer
from keras_seg._decoding.held_file import HeldFile, opened
from keras_seg._types import PathLike
from keras_seg._validation import InputError

ARRAYS = (".npy", ".zarr")


def is_array(path: PathLike) -> bool:
    """Whether the name is that of an array."""
    # Asked several times about each of many thousand files: a path is not parsed again.
    return (path if isinstance(path, pathlib.PurePath) else pathlib.Path(path)).suffix.lower() in ARRAYS


def open_array(path: PathLike) -> Any:
    """A memory map or a Zarr array of numbers: nothing is read yet except for the shape."""
    path = path if isinstance(path, HeldFile) else pathlib.Path(path)
    try:
        # Not a file that can be mapped into memory.
        held = isinstance(path, HeldFile) or archive_member(path) is not None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error}). Check the path.") from error
    if not held and not os.path.exists(path):
        raise InputError(f"{path}: there is no such file. Check the path.")
    if pathlib.Path(path).suffix.lower() == ".zarr":
        array = _zarr_array(pathlib.Path(path))
    elif not held and not os.path.isfile(path):
        raise InputError(f"{path}: is not a file. Save the array with numpy.save.")
    else:
        try:
            with np.errstate(over="raise"):  # Of a shape beyond 2^64 bytes.
                array = np.load(opened(path) if held else path, mmap_mode=None if held else "r", allow_pickle=False)
        # NumPy evaluates the header: on broken bytes even its tokenizer raises errors of its own.
        except Exception as error:
            refuse_pointer(path)
            # NumPy's own advice for objects is to load them unsafely.
            reason = error.strerror if isinstance(error, OSError) and error.strerror else "damaged, or not .npy"
            raise InputError(
                f"{path}: cannot be read as an array of numbers ({reason}). Write it with numpy.save."
            ) from error
    if not isinstance(array, np.ndarray) and not hasattr(array, "shape"):
        # An archive of several arrays under the name of one.
        raise InputError(f"{path}: is an archive of several arrays. Save the one you need with numpy.save.")
    if np.dtype(array.dtype).kind not in "buif":
        raise InputError(f"{path}: holds {array.dtype}, not real numbers. Save integers or floats.")
    return array


def _zarr_array(path: pathlib.Path) -> Any:
    zarr = _validation.optional_import("zarr", "scale", "A .zarr store")
    try:
        array = zarr.open(str(path), mode="r")
    except Exception as error:  # Zarr 2 and 3 raise their own errors, and those of their stores.
        raise InputError(f"{path}: cannot be read as a Zarr array ({_line(error)}).") from error
    if not hasattr(array, "shape"):
        raise InputError(f"{path}: holds a group of arrays. Open it with zarr and pass one of them.")
    return array


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
