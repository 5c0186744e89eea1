"""Files that are not on their own on a disk: bytes in memory, in the place of a path, and members of archives."""

import dataclasses
import io
import os
import pathlib

from keras_seg._decoding.archive_member import archive_member
from keras_seg._types import PathLike

_BUFFER = 1 << 13


@dataclasses.dataclass(frozen=True, kw_only=True)
class HeldFile(os.PathLike):
    """A file that is read from its bytes: everything that reads an image or a mask takes it as the path.

    Args:
        name: str. What stands for the path in errors; its extension tells arrays from images.
        content: bytes.
    """

    name: str
    content: bytes

    def __fspath__(self) -> str:
        return self.name

    def __str__(self) -> str:
        return self.name


def opened(path: PathLike) -> io.BufferedReader:
    """A stream of the bytes of a file, wherever they are."""
    if isinstance(path, HeldFile):
        return io.BufferedReader(io.BytesIO(path.content), _BUFFER)  # pyright: ignore[reportArgumentType] it is raw
    try:
        # With a size, Python does not ask the system whether the file is a terminal.
        return open(path, "rb", buffering=_BUFFER)  # pyright: ignore[reportReturnType] with a buffer, it is one
    except (NotADirectoryError, FileNotFoundError):  # A path through an archive; the second on Windows.
        member = archive_member(path)
        if member is None:
            raise
        return io.BufferedReader(io.BytesIO(member.read()), _BUFFER)  # pyright: ignore[reportArgumentType] it is raw


def byte_count(path: PathLike) -> int:
    """The bytes of a file."""
    if isinstance(path, HeldFile):
        return len(path.content)
    member = archive_member(path)
    return pathlib.Path(path).stat().st_size if member is None else member.size


def file_stamp(path: pathlib.Path) -> str:
    """Text that differs when a file, or the archive that it is in, has changed."""
    member = archive_member(path)
    status = os.stat(path if member is None else member.archive)
    return f"{path.resolve()} {status.st_mtime_ns} {status.st_size}"
