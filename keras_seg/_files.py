"""Files that are complete or absent: written beside the target, then moved into place."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from keras_seg import _validation
from keras_seg._types import PathLike


def not_writable(path: PathLike, error: OSError) -> _validation.InputError:
    """The one-line error for a place that cannot be written."""
    return _validation.InputError(f"{path}: cannot be written ({error.strerror}). Choose another place.")


@contextlib.contextmanager
def written_aside(path: PathLike, *, overwrite: bool) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` to write a file or folder to; it replaces `path` when the block succeeds.

    Nothing is left behind when the block fails, and an existing file is then untouched.
    """
    path = pathlib.Path(path)
    if path.exists() and not overwrite:
        _validation.fail("path", "exists already", str(path), "Choose another path, or ask to overwrite it.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = pathlib.Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent))
    except OSError as error:
        raise not_writable(path, error) from error
    try:
        yield aside / path.name
        put_in_place(aside / path.name, path, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def put_in_place(written: pathlib.Path, path: pathlib.Path, aside: pathlib.Path | None = None) -> pathlib.Path:
    """Move a complete file or folder to `path`, replacing an existing one.

    `aside` is a folder on the same disk for a folder that is replaced; None makes a temporary one.
    """
    if aside is None:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            return put_in_place(written, path, pathlib.Path(folder))
    if path.is_dir() or (written.is_dir() and path.exists()):
        # Only a file can replace a file in one step: a folder is moved away first, and deleted with `aside`.
        os.replace(path, aside / "replaced")
    os.replace(written, path)
    return path


def write_text(path: PathLike, text: str) -> None:
    """Write a text file completely or not at all, replacing an existing one."""
    with written_aside(path, overwrite=True) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path: PathLike, content: Any) -> None:
    """Write a JSON file completely or not at all, replacing an existing one."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def size_on_disk(path: PathLike) -> int:
    """Bytes of a file, or of all files in a folder."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files)
