"""The target that an `out` means."""

import os
import pathlib
from typing import Any

import numpy as np

from keras_seg import _files, _validation
from keras_seg._decoding.arrays import ARRAYS
from keras_seg._remote_files import is_remote
from keras_seg._types import PathLike
from keras_seg.inference.tiling.copied_target import CopiedTarget
from keras_seg.inference.tiling.geotiff import GeoTIFF, is_geotiff
from keras_seg.inference.tiling.geotiff_target import GeoTIFFTarget
from keras_seg.inference.tiling.raster_layout import RasterLayout
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.remote_zarr import RemoteZarrTarget
from keras_seg.inference.tiling.written_rows import ArrayTarget, PathTarget, check_space, is_interrupted, npy_file
from keras_seg.inference.tiling.zarr_store import zarr_store

_FIX = "Pass None, a NumPy array, a np.memmap, a Zarr array, or a path that ends in .npy, .zarr or .tif."


def raster_target(out: Any, layout: RasterLayout, *, source: RasterSource) -> ArrayTarget | PathTarget:
    """The target for `out`.

    Args:
        out: None, an array, a path or an address; see `TiledPredictor.predict`.
        layout: `RasterLayout` of the prediction.
        source: RasterSource of the image, which must not be the target itself.
    """
    shape, dtype = layout.shape, layout.dtype
    if isinstance(out, str) and is_remote(out):
        if source.lies_in(out):
            _validation.fail("out", "must not be the image's own address", out, "Choose another address.")
        return RemoteZarrTarget(out, shape, dtype)
    if isinstance(out, (str, os.PathLike)):
        return path_target(out, layout, source=source)
    if out is None:
        return ArrayTarget(np.empty(shape, dtype))
    if not (hasattr(out, "shape") and hasattr(out, "dtype") and hasattr(out, "__setitem__")):
        _validation.fail("out", "cannot be written to", type(out).__name__, _FIX)
    if tuple(out.shape) != shape:
        _validation.fail("out", f"must have the shape of the prediction, {shape}", tuple(out.shape))
    if np.dtype(out.dtype) != dtype:
        fix = f"Pass dtype={np.dtype(out.dtype).name!r} if that is meant."
        _validation.fail("out", f"must have the dtype of the prediction, {dtype}", str(out.dtype), fix)
    if isinstance(out, np.ndarray) and not out.flags.writeable:
        fix = 'Open it with mode="r+".' if isinstance(out, np.memmap) else ""
        _validation.fail("out", "must be writable", "a read-only array", fix)
    if source.lies_in(out):
        rule, fix = "must not be the image, which is read while it is written", "Pass another array, or a path."
        _validation.fail("out", rule, "the same memory", fix)
    return ArrayTarget(out)


def left_over(target: ArrayTarget | PathTarget, out: Any) -> PathLike | None:
    """The path or address of an earlier result, or the path of an interrupted run's journal, or None.

    The journal counts where there are both: the run was about to replace the result.
    """
    if isinstance(target, RemoteZarrTarget):
        return out if target.there else None
    path = pathlib.Path(out) if isinstance(out, (str, os.PathLike)) else None
    if path is not None and path.exists() and not is_interrupted(path):
        return path
    return target.journal if target.journal is not None and target.journal.exists() else None


def path_target(out: Any, layout: RasterLayout, *, source: RasterSource, shared: bool = False) -> PathTarget:
    """The target for an `out` that is a path.

    Args:
        out: path, or a `GeoTIFF`.
        layout: `RasterLayout` of the prediction.
        source: RasterSource of the image, which must not be the target itself.
        shared: bool. Whether several processes write the rows: they then lie in a Zarr store until all are there, and
            a process that writes whole chunks disturbs no other. Defaults to False.
    """
    settings = out if isinstance(out, GeoTIFF) else GeoTIFF(out) if is_geotiff(out) else None
    path, ending = pathlib.Path(out), pathlib.Path(out).suffix.lower()
    if source.lies_in(path):
        _validation.fail("out", "must not be the image's own path", str(path), "Choose another path.")
    if settings is None and ending not in ARRAYS:
        _validation.fail("out", "must end in .npy, .zarr or .tif", str(path), _FIX)
    if ending != ".zarr":  # Known before the tiles are predicted.
        _files.check_file_place(path)
    if shared or ending == ".zarr":
        rows = zarr_store(layout.shape, layout.dtype)
    else:
        check_space(path, layout.shape, layout.dtype)  # A GeoTIFF takes less itself than the rows it is made of.
        rows = npy_file(layout.shape, layout.dtype)
    if settings is not None:
        return GeoTIFFTarget(settings, rows, layout, source=source)
    return CopiedTarget(path, rows) if shared and ending == ".npy" else PathTarget(path, rows)
