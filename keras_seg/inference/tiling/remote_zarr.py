"""Rasters in Zarr stores of object stores and other machines, by addresses such as s3://bucket/scene.zarr."""

from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._remote_files import RemoteFiles, one_line, storage_options
from keras_seg._validation import InputError
from keras_seg.inference.tiling.written_rows import ArrayTarget
from keras_seg.inference.tiling.zarr_store import chunk_rows, chunk_shape

# The files by which Zarr 3 and 2 know that a folder is an array.
_MARKS = ("zarr.json", ".zarray", ".zattrs", ".zmetadata")


def open_remote(address: str) -> Any:
    """The Zarr array at an address, opened for reading.

    Raises:
        InputError: there is none, or the store refuses or does not answer.
        ImportError: Zarr or fsspec is missing: `pip install "keras-seg[scale]"`.
    """
    zarr = _validation.optional_import("zarr", "scale", f"Opening {address}")
    _check_kind("image", address)
    if not RemoteFiles(address).exists(address):
        raise InputError(f"{address}: there is no such store. Check the address.")
    with one_line(address):
        array = zarr.open(address, mode="r", storage_options=storage_options(address))
    if not hasattr(array, "shape"):
        raise InputError(f"{address}: holds a group of arrays. Open it with zarr and pass one of them.")
    return array


class RemoteZarrTarget(ArrayTarget):
    """A Zarr store at an address, written as NAME.zarr.partial and moved when it is complete.

    A store cannot rename folders: it copies each file, and those last that make a folder an array. A run that is
    interrupted cannot be continued.

    Args:
        address: str that ends in .zarr.
        shape: tuple of int.
        dtype: `numpy.dtype`.

    Raises:
        InputError: the address does not end in .zarr.

    Attributes:
        chunk_rows: int. Rows to be written together: a part of a chunk would be fetched, changed and sent again.
    """

    def __init__(self, address: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        super().__init__(None)
        self._zarr = _validation.optional_import("zarr", "scale", f"Writing {address}")
        _check_kind("out", address)
        self._files, self._address = RemoteFiles(address), address.rstrip("/")
        self._partial = f"{self._address}.partial"
        self._shape, self._dtype = shape, dtype
        self.chunk_rows = chunk_rows(shape[0])

    @property
    def there(self) -> bool:
        """Whether there is an earlier result."""
        return self._files.exists(self._address)

    def start(self) -> None:
        """Get ready for a new run."""
        self.abandon()
        self._array = self._opened(self._partial, "w")

    def write(self, top: int, rows: np.ndarray) -> None:
        """Write rows from row `top` on, for good."""
        with one_line(self._partial):
            super().write(top, rows)

    def abandon(self) -> None:
        """Remove the files of a run that wrote nothing."""
        self._array = None
        self._files.remove_folder(self._partial)

    def finish(self) -> Any:
        """The complete prediction under its own name, opened for reading."""
        self._array = None
        self._files.remove_folder(self._address)
        self._files.move_folder(self._partial, self._address, last=_MARKS)
        return self._opened(self._address, "r")

    def _opened(self, address: str, mode: str) -> Any:
        made = {"shape": self._shape, "chunks": chunk_shape(self._shape), "dtype": self._dtype} if mode == "w" else {}
        with one_line(address):
            return self._zarr.open_array(address, mode=mode, storage_options=storage_options(address), **made)


def _check_kind(argument: str, address: str) -> None:
    if not address.rstrip("/").lower().endswith(".zarr"):
        fix = "Copy other files to or from this machine's disk."
        _validation.fail(argument, "must end in .zarr where it is an address", address, fix)
