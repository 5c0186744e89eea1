"""Predictions written a few rows at a time: to an array, or to a file that is complete or absent."""

import mmap
import os
import pathlib
import shutil
import tempfile
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from keras_seg import _files
from keras_seg._validation import InputError


class ArrayTarget:
    """An existing array: NumPy's, memory-mapped, or any other that rows can be assigned to, such as Zarr's.

    Args:
        array: of the right shape and dtype.
    """

    def __init__(self, array: Any) -> None:
        self._array = array
        mapped = isinstance(array, np.memmap) and array.filename is not None
        # Path of an unfinished run's journal; None if another process cannot continue the run.
        self.journal = journal_of(pathlib.Path(str(array.filename))) if mapped else None

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


class RowFile(NamedTuple):
    """How a file or store of rows is made and opened.

    Attributes:
        create: function from a path to a new array there.
        reopen: function from (path, mode) to the array there.
    """

    create: Callable[[pathlib.Path], Any]
    reopen: Callable[[pathlib.Path, str], Any]


class PathTarget:
    """A file or store that is written under the name of `path` with ".partial" and renamed when it is complete.

    Args:
        path: pathlib.Path.
        rows: `RowFile`.

    Attributes:
        partial: pathlib.Path of the unfinished rows.
    """

    def __init__(self, path: pathlib.Path, rows: RowFile) -> None:
        self._path, self._create, self._reopen = path, rows.create, rows.reopen
        self.partial = _partial_of(path)
        self.journal = journal_of(path)
        self._rows: Any = None

    def start(self) -> None:
        """Get ready for a new run."""
        try:
            _files.check_on_disk(self._path)
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self.abandon()
            self._rows = ArrayTarget(self._create(self.partial))
        except OSError as error:
            raise _files.not_writable(self._path, error) from error

    def go_on(self) -> None:
        """Get ready to continue an interrupted run."""
        try:
            self._rows = ArrayTarget(self._reopen(self.partial, "r+"))
        except (OSError, ValueError) as error:
            fix = "Pass overwrite=True alone to start again."
            raise InputError(f"{self.partial}: is gone or broken, so the run cannot go on. {fix}") from error

    def write(self, top: int, rows: np.ndarray) -> None:
        """Write rows from row `top` on, for good."""
        self._rows.write(top, rows)

    def abandon(self) -> None:
        """Remove the files of a run that wrote nothing."""
        self._rows = None
        _remove(self.partial)

    def finish(self) -> Any:
        """The complete prediction under its own name, opened for reading."""
        self._rows = None
        _files.put_in_place(self.partial, self._path)
        return self._reopen(self._path, "r")


def npy_file(shape: tuple[int, ...], dtype: np.dtype) -> RowFile:
    """Rows in a .npy file."""

    def create(place: pathlib.Path) -> Any:
        return np.lib.format.open_memmap(place, mode="w+", dtype=dtype, shape=shape)

    def reopen(place: pathlib.Path, mode: str) -> Any:
        return np.lib.format.open_memmap(place, mode=mode)

    return RowFile(create, reopen)


def check_space(path: pathlib.Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse before the run: a mapped file on a full disk ends the process without an error message.

    Raises:
        InputError: the disk of `path` has no room for an array.
    """
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


def journal_of(path: pathlib.Path) -> pathlib.Path:
    """The file that records how far a prediction to a path is."""
    return path.with_name(path.name + ".progress.json")


def is_interrupted(path: pathlib.Path) -> bool:
    """Whether a prediction to a path was begun and is not finished: what is at the path is older, and to be replaced.

    A process that is killed when its rows have just got their place leaves the journal alone.
    """
    return journal_of(path).exists() and _partial_of(path).exists()


def remove_partial(path: pathlib.Path) -> None:
    """Remove the unfinished rows of a prediction to a path, if there are any."""
    _remove(_partial_of(path))


def _partial_of(path: pathlib.Path) -> pathlib.Path:
    return path.with_name(path.name + ".partial")


def _remove(path: pathlib.Path) -> None:
    if not path.is_dir():
        path.unlink(missing_ok=True)
        return
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        # In one step: the missing chunks of a store that is half deleted would be read as zeros.
        os.replace(path, pathlib.Path(folder, path.name))
