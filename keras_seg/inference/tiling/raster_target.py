"""Places that a prediction is written to a few rows at a time, and that hold it whole or not at all."""

import os
import pathlib
import shutil

import numpy as np

from keras_seg import _files, _validation
from keras_seg._validation import InputError
from keras_seg.inference.tiling.mapped_memory import release

_FIX = "Pass None, a NumPy array, a np.memmap, a Zarr array, or a path that ends in .npy or .zarr."


class ArrayTarget:
    """An array that is there: NumPy's, memory-mapped, or anything that rows can be assigned to, such as Zarr's.

    Args:
        array: of the right shape and dtype.
    """

    def __init__(self, array):
        self._array = array
        mapped = isinstance(array, np.memmap) and array.filename is not None
        # Where the record of an unfinished run lies; None where a run cannot go on after the process has ended.
        self.journal = _journal_of(pathlib.Path(array.filename)) if mapped else None

    def start(self):
        """Get ready for a new run."""

    def go_on(self):
        """Get ready to go on with a run that was interrupted."""

    def write(self, top, rows):
        """Write rows from row `top` on, for good."""
        self._array[top : top + len(rows)] = rows
        release(self._array)

    def abandon(self):
        """Remove what a run left that wrote nothing."""

    def finish(self):
        """The whole prediction, in its place."""
        return self._array


class PathTarget:
    """A file or store that is written beside its place, under the name of `path` with ".partial", and moved when whole.

    Args:
        path: pathlib.Path.
        create: function from a path to a new array there.
        reopen: function from (path, mode) to the array there.
    """

    def __init__(self, path, create, reopen):
        self._path, self._create, self._reopen = path, create, reopen
        self._partial = path.with_name(path.name + ".partial")
        self.journal = _journal_of(path)
        self._rows = None

    def start(self):
        """Get ready for a new run."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self.abandon()
            self._rows = ArrayTarget(self._create(self._partial))
        except OSError as error:
            raise _files.not_writable(self._path, error) from error

    def go_on(self):
        """Get ready to go on with a run that was interrupted."""
        try:
            self._rows = ArrayTarget(self._reopen(self._partial, "r+"))
        except (OSError, ValueError) as error:
            fix = "Pass overwrite=True without resume=True to start again."
            raise InputError(f"{self._partial}: is gone or broken, so the run cannot go on. {fix}") from error

    def write(self, top, rows):
        """Write rows from row `top` on, for good."""
        self._rows.write(top, rows)

    def abandon(self):
        """Remove what a run left that wrote nothing."""
        self._rows = None
        _remove(self._partial)

    def finish(self):
        """The whole prediction, in its place, opened for reading."""
        self._rows = None
        _files.put_in_place(self._partial, self._path)
        return self._reopen(self._path, "r")


def raster_target(out, shape, dtype, source):
    """The target for `out`, in which predictions of a shape and dtype find their place.

    Args:
        out: None, an array, or a path; see `TiledPredictor.predict`.
        shape: tuple, of the prediction.
        dtype: np.dtype.
        source: the `RasterSource` of what is predicted, which must not be what is written to.
    """
    if out is None:
        return ArrayTarget(np.empty(shape, dtype))
    if isinstance(out, (str, os.PathLike)):
        return _of_path(pathlib.Path(out), shape, dtype, source)
    if not (hasattr(out, "shape") and hasattr(out, "dtype") and hasattr(out, "__setitem__")):
        _validation.fail("out", "is nothing to write to", type(out).__name__, _FIX)
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


def left_over(target, out):
    """What is already at the place of a run's result, or None."""
    if isinstance(out, (str, os.PathLike)) and pathlib.Path(out).exists():
        return pathlib.Path(out)
    return target.journal if target.journal is not None and target.journal.exists() else None


def _of_path(path, shape, dtype, source):
    if source.lies_in(path):
        _validation.fail("out", "must not be the image's own path", str(path), "Choose another path.")
    if path.suffix == ".npy":
        _check_space(path, shape, dtype)

        def create(place):
            return np.lib.format.open_memmap(place, mode="w+", dtype=dtype, shape=shape)

        def reopen(place, mode):
            return np.lib.format.open_memmap(place, mode=mode)

    elif path.suffix == ".zarr":
        zarr = _validation.optional_import("zarr", "scale", "A .zarr store")
        chunks = tuple(min(512, side) for side in shape[:2]) + shape[2:]

        def create(place):
            return zarr.open_array(str(place), mode="w", shape=shape, chunks=chunks, dtype=dtype)

        def reopen(place, mode):
            return zarr.open_array(str(place), mode=mode)

    else:
        _validation.fail("out", "must end in .npy or .zarr", str(path), _FIX)
    return PathTarget(path, create, reopen)


def _check_space(path, shape, dtype):
    """A mapped file on a full disk ends the process without a word: better to know before."""
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), None)
    needed = int(np.prod(shape, dtype="int64")) * dtype.itemsize
    if folder is not None and (free := shutil.disk_usage(folder).free) < needed:
        fix = "Write class ids (output='class_ids') or a smaller dtype, or choose another disk."
        raise InputError(f"{path}: needs {needed / 1e9:.1f} GB and the disk has {free / 1e9:.1f} GB left. {fix}")


def _journal_of(path):
    return path.with_name(path.name + ".progress.json")


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
