"""The folder of predictions that many workers write to, here or in a store."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from keras_seg import _files
from keras_seg._remote_files import RemoteFiles, is_remote, joined
from keras_seg._types import PathLike
from keras_seg._validation import InputError

_STAGING = ".predicting-"


class OutputFolder:
    """Where predictions appear when they are complete.

    Every worker predicts into a folder of its own, and moves what is complete to its place: a file there is never half
    written, and one that is written twice is the same.

    Args:
        path: path or address of the folder.
    """

    def __init__(self, path: PathLike) -> None:
        self.remote = is_remote(path)
        self.path = str(path).rstrip("/") if self.remote else os.path.abspath(path)
        self._files = RemoteFiles(self.path) if self.remote else None

    def exists(self, name: str) -> bool:
        """Whether a file or folder is there already; `name` is its path below the folder."""
        if self._files is None:
            return os.path.lexists(os.path.join(self.path, name))
        return self._files.exists(joined(self.path, name))

    @contextlib.contextmanager
    def staging(self) -> Iterator[pathlib.Path]:
        """A temporary folder for files that `put` moves to their place; on the same disk where there is one."""
        place = None if self.remote else self.path
        if place is not None:
            _made(pathlib.Path(place))
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=place, ignore_cleanup_errors=True) as folder:
            yield pathlib.Path(folder)

    def put(self, written: pathlib.Path, name: str) -> None:
        """Move a complete file or folder to its place, replacing an older one.

        Raises:
            InputError: it cannot be written.
        """
        if self._files is not None:
            self._files.store(written, joined(self.path, name))
            return
        target = pathlib.Path(self.path, name)
        try:
            _made(target.parent)
            # A folder that is replaced is moved away first, to the staging folder.
            _files.put_in_place(written, target, written.parent)
        except OSError as error:
            raise _files.not_writable(target, error) from error

    def add(self, written: pathlib.Path, name: str) -> None:
        """Move a complete file or folder to its place, unless there is one.

        Of a folder in a store, only some files may be there: the others are added.

        Raises:
            InputError: it cannot be written.
        """
        if self.remote and written.is_dir():
            for item in sorted(written.iterdir()):
                self.add(item, f"{name}/{item.name}")
        elif not self.exists(name):
            self.put(written, name)

    def count_masks(self, *, folders: bool) -> int:
        """The number of images whose masks are there.

        Args:
            folders: bool. Whether the masks of an image are a folder, as for a task whose classes overlap.
        """
        count = 0
        for place, names in self._walk("masks"):
            *above, last = place.lower().split("/")
            if any(part.endswith(".zarr") for part in above):
                continue  # The chunks of a store.
            shown = sum(not name.startswith(".") for name in names)
            count += min(shown, 1) if folders or last.endswith(".zarr") else shown
        return count

    def _walk(self, name: str) -> Iterator[tuple[str, list[str]]]:
        """(folder below a folder, names of its files) of each folder down to the last."""
        if self._files is not None:
            for place, _, names in self._files.walk(joined(self.path, name), None):
                yield place, names
            return
        root = os.path.join(self.path, name)
        for folder, _, names in os.walk(root):
            yield pathlib.Path(folder).relative_to(root).as_posix(), names

    def sweep(self) -> None:
        """Remove what workers that were killed have left."""
        if not self.remote and os.path.isdir(self.path):
            for item in pathlib.Path(self.path).glob(f"{_STAGING}*"):
                shutil.rmtree(item, ignore_errors=True)

    def read_json(self, name: str) -> Any:
        """The content of a small file; None if there is none."""
        if not self.exists(name):
            return None
        address = joined(self.path, name)
        try:
            content = self._files.read(address) if self._files is not None else pathlib.Path(address).read_bytes()
            return json.loads(content)
        except (OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"{address}: cannot be read ({error}). Delete it, or choose another folder.") from error

    def write_json(self, name: str, content: Any) -> None:
        """Write a small file completely or not at all."""
        if self._files is None:
            _files.write_json(pathlib.Path(self.path, name), content)
            return
        with self.staging() as folder:
            _files.write_json(folder / name, content)
            self.put(folder / name, name)

    def remove(self, name: str) -> None:
        """Delete a file, if it is there."""
        if self._files is not None:
            self._files.remove(joined(self.path, name))
        else:
            pathlib.Path(self.path, name).unlink(missing_ok=True)


def _made(folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _files.not_writable(folder, error) from error
