"""Shards on a disk, or at an address that fsspec opens."""

import contextlib
import hashlib
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO

from keras_seg._remote_files import RemoteFiles, is_remote
from keras_seg._types import PathLike
from keras_seg._validation import InputError

_PIECE = 1 << 20


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
        ImportError: The path is an address, and fsspec is missing.
    """
    with RemoteFiles(str(path)).open(str(path)) if is_remote(path) else _local(path) as stream:
        yield stream


def _local(path: PathLike) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: there is no such file. Check the path.") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be opened ({error.strerror}). Check the path.") from error


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
