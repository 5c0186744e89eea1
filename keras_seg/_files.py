"""Files that are whole or not there: written aside, then put in their place."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile

from keras_seg import _validation


def not_writable(path, error):
    """The one-line error for a place that cannot be written."""
    return _validation.InputError(f"{path}: cannot be written ({error.strerror}). Choose another place.")


@contextlib.contextmanager
def written_aside(path, overwrite):
    """A temporary path beside `path` to write a file or folder to; it takes the place of `path` when the block
    succeeds.

    Nothing is left behind when the block fails, and an existing artifact is then untouched.
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


def put_in_place(written, path, aside=None):
    """Move a file or folder that is whole to `path`, in the place of what is there.

    `aside` is a folder on the same disk for what cannot be replaced in one step; None makes one for the while.
    """
    if aside is None:
        with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
            return put_in_place(written, path, pathlib.Path(folder))
    if path.is_dir() or (written.is_dir() and path.exists()):
        # Only a file can replace a file in one step: what was there steps aside first, and is gone with `aside`.
        os.replace(path, aside / "replaced")
    os.replace(written, path)
    return path


def write_text(path, text):
    """Write a text file whole or not at all, replacing what was there."""
    with written_aside(path, overwrite=True) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(path, content):
    """Write a JSON file whole or not at all, replacing what was there."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def size_on_disk(path):
    """Bytes of a file, or of all files in a folder."""
    path = pathlib.Path(path)
    files = [path] if path.is_file() else [item for item in path.rglob("*") if item.is_file()]
    return sum(item.stat().st_size for item in files)
