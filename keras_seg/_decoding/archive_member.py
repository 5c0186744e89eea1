"""Files in tar archives, by paths that go through the archive: packed/train-000000.tar/a.png."""

import functools
import os
import posixpath
import re
import tarfile
from typing import NamedTuple

from keras_seg._types import PathLike

# Where a path may enter an archive.
_ENTRY = re.compile(r"\.tar[/\\]", re.IGNORECASE)
_ARCHIVES = 4096


class ArchiveMember(NamedTuple):
    """The place of a file in an archive that is not compressed.

    Attributes:
        archive: str. The path of the archive.
        offset: int. Bytes before the content of the file.
        size: int. Bytes of the file.
    """

    archive: str
    offset: int
    size: int

    def read(self) -> bytes:
        """The content.

        Raises:
            OSError: The archive cannot be read, or is cut.
        """
        with open(self.archive, "rb") as stream:
            stream.seek(self.offset)
            content = stream.read(self.size)
        if len(content) < self.size:
            raise OSError("the archive is cut")
        return content


def archive_member(path: PathLike) -> ArchiveMember | None:
    """The member of an archive that a path names; None for a path that leads through no archive, or to nothing in it.

    The headers of an archive are read once, and again if its time or size changes.

    Raises:
        OSError: The archive cannot be read, or is no tar archive.
    """
    text = os.fspath(path)
    for entry in _ENTRY.finditer(text):
        archive = text[: entry.end() - 1]
        if os.path.isfile(archive):
            status = os.stat(archive)
            name = posixpath.normpath(text[entry.end() :].replace("\\", "/"))
            return _members(archive, status.st_mtime_ns, status.st_size).get(name)
    return None


@functools.lru_cache(_ARCHIVES)
def _members(archive: str, modified: int, size: int) -> dict[str, ArchiveMember]:
    """The members of an archive by name; `modified` and `size` tell one state of it from another."""
    found = {}
    try:
        with tarfile.open(archive, "r:") as opened:
            while (member := opened.next()) is not None:
                opened.members.clear()  # pyright: ignore[reportAttributeAccessIssue] they would be kept, all of them.
                if member.isreg():
                    name = posixpath.normpath(member.name)
                    found[name] = ArchiveMember(archive, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise OSError(f"{os.path.basename(archive)} is no tar archive: {error}") from error
    return found
