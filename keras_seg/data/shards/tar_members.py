"""The members of a tar archive, in one pass from front to back, and a line for an archive that was cut."""

import dataclasses
import functools
import tarfile
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from keras_seg._validation import InputError

_BLOCK = tarfile.BLOCKSIZE
_PIECE = 1 << 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """A file in an archive: its name, its size in bytes, and a function that reads it, before the next is asked for."""

    name: str
    size: int
    read: Callable[[], bytes]


def tar_members(stream: BinaryIO, shard: str) -> Iterator[Member]:
    """The files of an archive, in their order.

    What is not read is skipped: by a seek where the stream can, which leaves only the headers to read.

    Args:
        stream: an open binary stream, which may be a pipe.
        shard: the name of the archive, for errors.

    Raises:
        InputError: The archive ends too early, is damaged, or is no tar archive.
    """
    forward = _Forward(stream)
    try:
        with tarfile.TarFile(fileobj=forward, mode="r") as archive:  # pyright: ignore[reportArgumentType] enough of one
            while (found := archive.next()) is not None:
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue] they would be kept, all of them.
                if found.isreg():
                    yield Member(
                        name=found.name, size=found.size, read=functools.partial(_content, archive, found, shard)
                    )
        # `tarfile` takes a damaged header, or none, for the end of an archive, which is a block of zeros.
        if forward.last != bytes(_BLOCK):
            raise _damaged(shard, "it is cut, or damaged in the middle")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _damaged(shard, error) from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, shard: str) -> bytes:
    try:
        file = archive.extractfile(member)
        return b"" if file is None else file.read()
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _damaged(shard, error) from error


def _damaged(shard: str, reason: Exception | str) -> InputError:
    text = " ".join(str(reason).split()) or type(reason).__name__
    return InputError(f"{shard}: cannot be read as a tar archive ({text}). Copy it again, or pack the data again.")


class _Forward:
    """A stream that only goes forward, which is all that an archive needs that is read from front to back.

    Args:
        stream: what is read. It may be a pipe.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self._place = stream, 0
        self._seeks = bool(getattr(stream, "seekable", bool)())
        self._start = stream.tell() if self._seeks else 0
        self.last = b""

    def tell(self) -> int:
        """The bytes that were passed."""
        return self._place

    def read(self, count: int) -> bytes:
        """The next bytes; fewer at the end only."""
        parts, left = [], count
        while left and (part := self._stream.read(left)):
            parts.append(part)
            left -= len(part)
        self.last = parts[0] if len(parts) == 1 else b"".join(parts)
        self._place += len(self.last)
        return self.last

    def seek(self, place: int) -> None:
        """Go forward to a place."""
        if self._seeks:
            self._stream.seek(self._start + place)
            self._place = place
        while self._place < place and self.read(min(_PIECE, place - self._place)):
            pass
