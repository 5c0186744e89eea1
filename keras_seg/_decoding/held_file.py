"""Files whose bytes are in memory, such as members of an archive, in the place of a path."""

import dataclasses
import io
import os
import pathlib

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
    # With a size, Python does not ask the system whether the file is a terminal.
    return open(path, "rb", buffering=_BUFFER)  # pyright: ignore[reportReturnType] with a buffer, it is one


def byte_count(path: PathLike) -> int:
    """The bytes of a file."""
    return len(path.content) if isinstance(path, HeldFile) else pathlib.Path(path).stat().st_size
