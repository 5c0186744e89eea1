"""The pixels and facts of one file, of any format."""

import io
import pathlib
from typing import Any

import numpy as np

from keras_seg._decoding.arrays import is_array, open_array
from keras_seg._decoding.checked_file import check_file, refuse_pointer, unreadable
from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg._decoding.held_file import opened
from keras_seg._decoding.pillow_file import pillow_facts, pillow_pixels
from keras_seg._decoding.plain_png import plain_png
from keras_seg._decoding.tiff import is_tiff, tiff_facts, tiff_pixels
from keras_seg._types import PathLike
from keras_seg._validation import InputError


def file_facts(path: PathLike, kind: str = "image") -> FileFacts:
    """What the header of a file says; `kind` is "image" or "mask", for errors."""
    if is_array(path):
        return array_facts(path, open_array(path))
    return _read(path, kind, tiff_facts, pillow_facts)


def decode(path: PathLike, kind: str = "image", *, cropped: bool = False) -> Pixels:
    """All pixels of a file, as stored, and its facts, read in one go; `kind` is "image" or "mask".

    With `cropped`, values outside of the rectangle that is returned are 0 (see `Pixels`).
    """
    if is_array(path):
        array = open_array(path)
        facts = array_facts(path, array)
        return Pixels(facts=facts, values=np.array(array[:]).reshape(*facts.size, facts.channels))
    return _read(path, kind, tiff_pixels, _cropped_pixels if cropped else _other_pixels)


def _read(path: PathLike, kind: str, tiff: Any, pillow: Any) -> Any:
    check_file(path, kind)
    try:
        with opened(path) as stream:
            return (tiff if is_tiff(stream) else pillow)(stream, path, kind)
    except InputError:
        raise
    # On broken bytes, decoders raise OSError, SyntaxError, struct.error and more.
    except Exception as error:
        refuse_pointer(path)
        raise unreadable(path, kind, error) from error


def _other_pixels(stream: io.BufferedReader, path: PathLike, kind: str) -> Pixels:
    return plain_png(stream) or pillow_pixels(stream, path, kind)


def _cropped_pixels(stream: io.BufferedReader, path: PathLike, kind: str) -> Pixels:
    return plain_png(stream, cropped=True) or pillow_pixels(stream, path, kind)


def array_facts(path: PathLike, array: Any) -> FileFacts:
    """The facts of an array, or of a file that holds one."""
    shape = tuple(array.shape) if len(array.shape) == 3 else (*array.shape, 1)
    if len(shape) != 3 or 0 in shape:
        raise InputError(f"{path}: holds an array of shape {tuple(array.shape)}. Save it as (height, width, channels).")
    dtype = np.dtype(array.dtype)
    return FileFacts(
        format=pathlib.Path(path).suffix[1:].upper(),
        size=(int(shape[0]), int(shape[1])),
        mode=str(dtype),
        channels=int(shape[2]),
        bits=1 if dtype.kind == "b" else 8 * dtype.itemsize,
        kind=dtype.kind,
    )
