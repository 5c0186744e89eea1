"""The target that an `out` means."""

import os
import pathlib
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.inference.tiling.geotiff import GeoTIFF, is_geotiff
from keras_seg.inference.tiling.geotiff_target import GeoTIFFTarget
from keras_seg.inference.tiling.written_rows import ArrayTarget, PathTarget, npy_file

if TYPE_CHECKING:
    from keras_seg.inference.tiling.raster_source import RasterSource

_FIX = "Pass None, a NumPy array, a np.memmap, a Zarr array, or a path that ends in .npy, .zarr or .tif."


def raster_target(
    out: Any, shape: tuple[int, ...], dtype: np.dtype, *, source: "RasterSource", ids: int, nodata: int | None = None
) -> ArrayTarget | PathTarget:
    """The target for `out`, for predictions of a shape and dtype.

    Args:
        out: None, an array, or a path; see `TiledPredictor.predict`.
        shape: tuple, of the prediction.
        dtype: np.dtype.
        source: RasterSource of the image, which must not be the target itself.
        ids: int, how many class ids there are.
        nodata: int or None, the id of pixels without data.
    """
    if out is None:
        return ArrayTarget(np.empty(shape, dtype))
    if isinstance(out, (str, os.PathLike)):
        return _of_path(out, shape, dtype, source=source, ids=ids, nodata=nodata)
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


def left_over(target: ArrayTarget | PathTarget, out: Any) -> pathlib.Path | None:
    """The path of an earlier result or of an interrupted run's journal, or None."""
    if isinstance(out, (str, os.PathLike)) and pathlib.Path(out).exists():
        return pathlib.Path(out)
    return target.journal if target.journal is not None and target.journal.exists() else None


def _of_path(
    out: Any, shape: tuple[int, ...], dtype: np.dtype, *, source: "RasterSource", ids: int, nodata: int | None
) -> PathTarget:
    settings = out if isinstance(out, GeoTIFF) else GeoTIFF(out) if is_geotiff(out) else None
    path = pathlib.Path(out)
    if source.lies_in(path):
        _validation.fail("out", "must not be the image's own path", str(path), "Choose another path.")
    if settings is not None:
        _check_space(path, shape, dtype)  # Of the rows that it is made of; it takes less itself.
        return GeoTIFFTarget(settings, shape, dtype, source=source, ids=ids, nodata=nodata)
    if path.suffix.lower() == ".npy":
        _check_space(path, shape, dtype)
        return PathTarget(path, *npy_file(shape, dtype))
    if path.suffix.lower() != ".zarr":
        _validation.fail("out", "must end in .npy, .zarr or .tif", str(path), _FIX)
    zarr = _validation.optional_import("zarr", "scale", "A .zarr store")
    chunks = tuple(min(512, side) for side in shape[:2]) + shape[2:]

    def create(place: pathlib.Path) -> Any:
        return zarr.open_array(str(place), mode="w", shape=shape, chunks=chunks, dtype=dtype)

    def reopen(place: pathlib.Path, mode: str) -> Any:
        return zarr.open_array(str(place), mode=mode)

    return PathTarget(path, create, reopen)


def _check_space(path: pathlib.Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse before the run: a mapped file on a full disk ends the process without an error message."""
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), None)
    needed = int(np.prod(shape, dtype="int64")) * dtype.itemsize
    if folder is not None and (free := shutil.disk_usage(folder).free) < needed:
        fix = "Write class ids (output='class_ids') or a smaller dtype, or choose another disk."
        raise InputError(f"{path}: needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB left. {fix}")
