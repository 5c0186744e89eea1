"""The target of a prediction: written a few rows at a time, complete or absent."""

import mmap
import os
import pathlib
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg import _files, _validation
from keras_seg._validation import InputError

if TYPE_CHECKING:
    from keras_seg.inference.tiling.raster_source import RasterSource

_FIX = "Pass None, a NumPy array, a np.memmap, a Zarr array, or a path that ends in .npy or .zarr."


class ArrayTarget:
    """An existing array: NumPy's, memory-mapped, or any other that rows can be assigned to, such as Zarr's.

    Args:
        array: of the right shape and dtype.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        mapped = isinstance(array, np.memmap) and array.filename is not None
        # Path of an unfinished run's journal; None if another process cannot continue the run.
        self.journal = _journal_of(pathlib.Path(str(array.filename))) if mapped else None

    def start(self) -> None:
        """Get ready for a new run."""

    def go_on(self) -> None:
        """Get ready to continue an interrupted run."""

    def write(self, top: int, rows: np.ndarray) -> None:
        """Write rows from row `top` on, for good."""
        self._array[top : top + len(rows)] = rows
        release(self._array)

    def abandon(self) -> None:
        """Remove the files of a run that wrote nothing."""

    def finish(self) -> Any:
        """The complete prediction."""
        return self._array


class PathTarget:
    """A file or store that is written under the name of `path` with ".partial" and renamed when it is complete.

    Args:
        path: pathlib.Path.
        create: function from a path to a new array there.
        reopen: function from (path, mode) to the array there.
    """

    def __init__(
        self, path: pathlib.Path, create: Callable[[pathlib.Path], Any], reopen: Callable[[pathlib.Path, str], Any]
    ) -> None:
        self._path, self._create, self._reopen = path, create, reopen
        self._partial = path.with_name(path.name + ".partial")
        self.journal = _journal_of(path)
        self._rows: Any = None

    def start(self) -> None:
        """Get ready for a new run."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self.abandon()
            self._rows = ArrayTarget(self._create(self._partial))
        except OSError as error:
            raise _files.not_writable(self._path, error) from error

    def go_on(self) -> None:
        """Get ready to continue an interrupted run."""
        try:
            self._rows = ArrayTarget(self._reopen(self._partial, "r+"))
        except (OSError, ValueError) as error:
            fix = "Pass overwrite=True without resume=True to start again."
            raise InputError(f"{self._partial}: is gone or broken, so the run cannot go on. {fix}") from error

    def write(self, top: int, rows: np.ndarray) -> None:
        """Write rows from row `top` on, for good."""
        self._rows.write(top, rows)

    def abandon(self) -> None:
        """Remove the files of a run that wrote nothing."""
        self._rows = None
        _remove(self._partial)

    def finish(self) -> Any:
        """The complete prediction under its own name, opened for reading."""
        self._rows = None
        _files.put_in_place(self._partial, self._path)
        return self._reopen(self._path, "r")


def raster_target(
    out: Any, shape: tuple[int, ...], dtype: np.dtype, source: "RasterSource"
) -> ArrayTarget | PathTarget:
    """The target for `out`, for predictions of a shape and dtype.

    Args:
        out: None, an array, or a path; see `TiledPredictor.predict`.
        shape: tuple, of the prediction.
        dtype: np.dtype.
        source: RasterSource of the image, which must not be the target itself.
    """
    if out is None:
        return ArrayTarget(np.empty(shape, dtype))
    if isinstance(out, (str, os.PathLike)):
        return _of_path(pathlib.Path(out), shape, dtype, source)
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


def _of_path(path: pathlib.Path, shape: tuple[int, ...], dtype: np.dtype, source: "RasterSource") -> PathTarget:
    if source.lies_in(path):
        _validation.fail("out", "must not be the image's own path", str(path), "Choose another path.")
    if path.suffix.lower() == ".npy":
        _check_space(path, shape, dtype)

        def create(place: pathlib.Path) -> Any:
            return np.lib.format.open_memmap(place, mode="w+", dtype=dtype, shape=shape)

        def reopen(place: pathlib.Path, mode: str) -> Any:
            return np.lib.format.open_memmap(place, mode=mode)

    elif path.suffix.lower() == ".zarr":
        zarr = _validation.optional_import("zarr", "scale", "A .zarr store")
        chunks = tuple(min(512, side) for side in shape[:2]) + shape[2:]

        def create(place: pathlib.Path) -> Any:
            return zarr.open_array(str(place), mode="w", shape=shape, chunks=chunks, dtype=dtype)

        def reopen(place: pathlib.Path, mode: str) -> Any:
            return zarr.open_array(str(place), mode=mode)

    else:
        _validation.fail("out", "must end in .npy or .zarr", str(path), _FIX)
    return PathTarget(path, create, reopen)


def _check_space(path: pathlib.Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse before the run: a mapped file on a full disk ends the process without an error message."""
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), None)
    needed = int(np.prod(shape, dtype="int64")) * dtype.itemsize
    if folder is not None and (free := shutil.disk_usage(folder).free) < needed:
        fix = "Write class ids (output='class_ids') or a smaller dtype, or choose another disk."
        raise InputError(f"{path}: needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB left. {fix}")


def release(array: Any) -> None:
    """Drop the pages of a memory-mapped array from this process; they stay in the file and are read again when needed.

    Pages read once count as resident until the system is short of memory. Written ones are flushed first. Arrays that
    are not mapped, and copy-on-write maps, whose changes exist only in memory, are left alone.
    """
    if not isinstance(array, np.memmap) or getattr(array, "_mmap", None) is None or array.mode == "c":
        return
    if array.mode != "r":
        array.flush()
    if hasattr(mmap, "MADV_DONTNEED"):  # Not on Windows, which drops them by itself.
        mapping: Any = getattr(array, "_mmap")  # noqa: B009  NumPy's types lack it.
        mapping.madvise(mmap.MADV_DONTNEED)  # pyright: ignore[reportAttributeAccessIssue] private in NumPy


def _journal_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(path.name + ".progress.json")


def _remove(path: pathlib.Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
