"""Rows in a Zarr store, whose chunks are files of their own: processes that write whole chunks disturb no other."""

import pathlib
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg.inference.tiling.written_rows import RowFile

# Pixels of a chunk along each side.
_CHUNK = 512
# How Zarr names the files in which it writes a chunk before it renames them.
_UNFINISHED = "*.partial"


def zarr_store(shape: tuple[int, ...], dtype: np.dtype) -> RowFile:
    """Rows in a .zarr store.

    Raises:
        ImportError: Zarr is missing: `pip install "keras-seg[scale]"`.
    """
    zarr = _validation.optional_import("zarr", "scale", "A .zarr store")

    def create(place: pathlib.Path) -> Any:
        return zarr.open_array(str(place), mode="w", shape=shape, chunks=chunk_shape(shape), dtype=dtype)

    def reopen(place: pathlib.Path, mode: str) -> Any:
        return zarr.open_array(str(place), mode=mode)

    return RowFile(create, reopen)


def chunk_rows(height: int) -> int:
    """Rows of a chunk, for rasters of a height."""
    return min(_CHUNK, height)


def chunk_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a chunk, for rasters of a shape."""
    return (chunk_rows(shape[0]), min(_CHUNK, shape[1]), *shape[2:])


def sweep(store: pathlib.Path) -> None:
    """Remove what processes that were killed have left in a store."""
    for item in store.rglob(_UNFINISHED):
        item.unlink(missing_ok=True)
