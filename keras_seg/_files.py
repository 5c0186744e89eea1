"""Files that are complete or absent: written beside the target, then moved into place."""

import contextlib
import errno
import json
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

from keras_seg import _validation
from keras_seg._types import PathLike

# Codes of a disk without room: no space, over the quota, and over the largest size of a file.
_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}

# At least two letters: Windows has drives of one.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+:/", re.IGNORECASE)


def not_writable(path: PathLike, error: OSError) -> _validation.InputError:
    """The one-line error for a place that cannot be written."""
    fix = "Free some space, or choose another place." if error.errno in _FULL else "Choose another place."
    return _validation.InputError(f"{path}: cannot be written ({_reason(error)}). {fix}")


def check_on_disk(path: PathLike) -> None:
    """Fail for the address of a store: taken for a path, it means a folder such as "s3:" on this machine.

    Raises:
        InputError: the path is an address, or one that `pathlib` has shortened to a single slash.
    """
    if _ADDRESS.match(str(path)):
        raise _validation.InputError(
            f"{path}: is an address, and this is written to a disk. Give a path, and copy what is written."
        )


def check_file_place(path: PathLike) -> None:
    """Fail for a folder where a file is written: the folder would have to go, with all that is in it.

    Raises:
        InputError: the path is a folder.
    """
    if pathlib.Path(path).is_dir():
        raise _validation.InputError(f"{path}: is a folder, and a file is written. Give the path of a file.")


def make_folder(path: PathLike) -> None:
    """Make a folder that is written to, with those above it, unless it is there.

    Raises:
        InputError: the path is an address.
        OSError: the folder cannot be made.
    """
    check_on_disk(path)
    pathlib.Path(path).mkdir(parents=True, exist_ok=True)


def _reason(error: OSError) -> str:
    """What the system says; HDF5 says more, over several lines."""
    return os.strerror(error.errno) if error.errno else str(error)


def disk_full(error: BaseException | None) -> OSError | None:
    """The error of a full disk behind an exception; closing a half-written archive raises others over it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def written_aside(path: PathLike, *, overwrite: bool) -> Iterator[pathlib.Path]:
    """A temporary path beside `path` to write a file or folder to; it replaces `path` when the block succeeds.

    Nothing is left behind when the block fails, and an existing file is then untouched. A process that is killed leaves
    the temporary folder, which `written_for` tells from others.

    Raises:
        InputError: the path exists and `overwrite` is False, it is an address, its folder cannot be written, a file
            was written and the path is a folder, or the disk is full.
    """
    check_on_disk(path)
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
    except Exception as error:
        full = disk_full(error)
        if full is None:
            raise
        raise not_writable(path, full) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def written_for(aside: pathlib.Path) -> str | None:
    """The name of the file that a temporary folder was made to write; None for any other file or folder."""
    found = re.fullmatch(r"\.(.+)-\w{8}", aside.name)
    return found.group(1) if found is not None and aside.is_dir() else None


def put_in_place(written: pathlib.Path, path: pathlib.Path, aside: pathlib.Path | None = None) -> pathlib.Path:
    """Move a complete file or folder to `path`, replacing an existing one. A file never takes the place of a folder.

    `aside` is a folder on the same disk for a folder that is replaced; None makes a temporary one.

    Raises:
        InputError: a file was written, and the path is a folder.
    """
    if not written.is_dir():
        check_file_place(path)
    if aside is None:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            return put_in_place(written, path, pathlib.Path(folder))
    if written.is_dir() and path.exists():
        # Only a file can replace a file in one step: what a folder replaces is moved away, and deleted with `aside`.
        os.replace(path, aside / "replaced")
    os.replace(written, path)
    return path


def write_text(path: PathLike, text: str) -> None:
    """Write a text file completely or not at all, replacing an existing one, but no folder."""
    check_file_place(path)
    with written_aside(path, overwrite=True) as aside:
        # Names of files that are not in UTF-8 stay as they are on the disk.
        aside.write_text(text, encoding="utf-8", errors="surrogateescape")


def write_json(path: PathLike, content: Any) -> None:
    """Write a JSON file completely or not at all, replacing an existing one, but no folder."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def size_on_disk(path: PathLike) -> int:
    """Bytes of a file, or of all files in a folder."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files)
