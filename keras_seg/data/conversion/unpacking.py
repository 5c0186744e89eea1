"""Archives, unpacked without trust in what they say about themselves."""

import pathlib
import shutil
import stat
import zipfile

from keras_seg._validation import InputError
from keras_seg.data.conversion.source import printable

_MAX_FILES = 2_000_000
# Label files shrink to a tenth or twentieth, flat masks to a hundredth.
_MAX_RATIO = 200
_SMALL = 500_000_000
_CHUNK = 1 << 20


def unpack(archive: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """Unpack a zip into an empty folder. Returns the folder that holds its content."""
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not entry.is_dir()]
            _check(archive, entries, shutil.disk_usage(folder).free)
            for entry in entries:
                if not entry.filename.startswith("__MACOSX/"):
                    _write(archive, opened, entry, folder)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{archive}: cannot be unpacked ({printable(str(error))}). Unpack it yourself.") from error
    inner = [path for path in folder.iterdir() if path.name[0] != "."]
    while len(inner) == 1 and inner[0].is_dir():
        below = [path for path in inner[0].iterdir() if path.name[0] != "."]
        # A folder that only wraps the others is left out; one that holds files has a meaning.
        if any(path.is_file() for path in below) and _has_meaning(inner[0].name):
            break
        folder, inner = inner[0], below
    return folder


def _has_meaning(name: str) -> bool:
    return name.lower() in ("images", "masks", "annotations", "labels", "train", "val", "valid", "test")


def _check(archive: pathlib.Path, entries: list[zipfile.ZipInfo], free: int) -> None:
    total = sum(entry.file_size for entry in entries)
    if len(entries) > _MAX_FILES:
        raise InputError(f"{archive}: holds {len(entries)} files, more than {_MAX_FILES}. Unpack it yourself.")
    if total > _SMALL and total > _MAX_RATIO * archive.stat().st_size:
        raise InputError(
            f"{archive}: {archive.stat().st_size} bytes would become {total}, as in a decompression bomb. "
            "Unpack it yourself if you trust it, and convert the folder."
        )
    if total > free:
        raise InputError(
            f"{archive}: needs {total / 1e9:.1f} GB, and the disk has {free / 1e9:.1f} GB left. Make room, or unpack "
            "it on another disk and convert the folder."
        )
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        parts = name.split("/")
        if name.startswith("/") or ":" in parts[0] or ".." in parts or stat.S_ISLNK(entry.external_attr >> 16):
            raise InputError(
                f"{archive}: {printable(entry.filename)!r} would be written outside of the archive's folder, or is a "
                "link. Remove it from the archive."
            )


def _write(archive: pathlib.Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: pathlib.Path) -> None:
    target = folder / entry.filename.replace("\\", "/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise InputError(f"{archive}: holds {printable(entry.filename)!r} twice. Unpack it yourself and remove one.")
    left = entry.file_size
    with opened.open(entry) as packed, open(target, "wb") as file:
        while chunk := packed.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                raise InputError(
                    f"{archive}: {printable(entry.filename)!r} is larger than the archive says. Do not trust it."
                )
            file.write(chunk)
