"""Shards on a disk, or at an address that fsspec opens."""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterator
from typing import Any, BinaryIO

from keras_seg import _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError

_PIECE = 1 << 20


def is_remote(path: PathLike) -> bool:
    """Whether this is an address, such as s3://bucket/shards, not a path."""
    return isinstance(path, str) and "://" in path


def joined(folder: PathLike, name: str) -> str:
    """The path or address of a file in a folder."""
    return f"{str(folder).rstrip('/')}/{name}" if is_remote(folder) else str(pathlib.Path(folder, name))


def folder_of(path: PathLike) -> str:
    """The folder of a file."""
    return str(path).rpartition("/")[0] if is_remote(path) else str(pathlib.Path(path).parent)


def name_of(path: PathLike) -> str:
    """The name of a file in its folder."""
    return str(path).rpartition("/")[2] if is_remote(path) else pathlib.Path(path).name


@contextlib.contextmanager
def opened_file(path: PathLike) -> Iterator[BinaryIO]:
    """A stream of a file.

    Raises:
        InputError: There is no such file, or it cannot be opened.
        ImportError: The path is an address, and fsspec or its package for such addresses is missing.
    """
    try:
        stream: Any = _remote(str(path)) if is_remote(path) else _local(path)
    except ImportError:
        raise
    # Each of fsspec's file systems has errors of its own.
    except Exception as error:
        missing = isinstance(error, FileNotFoundError)
        reason = " ".join(str(getattr(error, "strerror", None) or error).split()) or type(error).__name__
        text = "there is no such file. Check the path." if missing else f"cannot be opened ({reason}). Check the path."
        raise InputError(f"{path}: {text}") from error
    with stream:
        yield stream


def _local(path: PathLike) -> BinaryIO:
    return open(path, "rb")


def _remote(address: str) -> Any:
    fsspec = _validation.optional_import("fsspec", "scale", f"Reading {address}")
    return fsspec.open(address, "rb").open()


def local_size(path: PathLike) -> int | None:
    """The bytes of a file; None for an address, and where there is no file."""
    return None if is_remote(path) or not os.path.isfile(path) else os.path.getsize(path)


def sha256_of(path: PathLike) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with opened_file(path) as stream:
        while piece := stream.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
