"""What a folder holds: images, files of other types, and subfolders."""

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keras_seg import _validation
from keras_seg._decoding.arrays import ARRAYS
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.label_tools import conversion_error
from keras_seg.data.index.packed_folder import refuse_packed

# Formats that Pillow reads, and arrays.
EXTENSIONS = (
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".npy", ".gif", ".jpe", ".jfif", ".jp2", ".j2k",
    ".apng", ".avif", ".dib", ".pbm", ".pgm", ".pnm", ".ppm", ".pcx", ".sgi", ".tga",
)  # fmt: skip
# Files that systems and file managers leave in any folder, in lower case. Nobody misses them.
_JUNK = (".ds_store", "thumbs.db", "desktop.ini", ".directory", ".gitkeep", ".gitignore")
# How many folders deep images are looked for.
MAX_DEPTH = 5
_SHOWN = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The content of one folder.

    Args:
        path: the folder.
        images: files with an extension of an image, and .zarr stores, which are folders, sorted.
        folders: folders in it, sorted, without hidden ones and links to a folder that holds this one.
        others: number of the other files by kind, such as {".txt": 2, "hidden": 1}.
    """

    path: pathlib.Path
    images: tuple[pathlib.Path, ...]
    folders: tuple[pathlib.Path, ...]
    others: Mapping[str, int]

    def unread(self, without: Iterable[str] = ()) -> str:
        """The other files as text: "2 .txt, 1 hidden". Empty if there are none."""
        return ", ".join(f"{count} {kind}" for kind, count in sorted(self.others.items()) if kind not in without)


def list_folder(path: PathLike) -> Listing:
    """The content of a folder."""
    path = pathlib.Path(path)
    images, folders, others = [], [], collections.Counter()
    # Paths are made of what is listed only: a folder may hold very many files.
    for name, kind in sorted(entries(path)):
        if kind == IMAGE:
            images.append(path / name)
        elif kind == FOLDER:
            folders.append(path / name)
        else:
            others[kind] += 1
    return Listing(path=path, images=tuple(images), folders=tuple(folders), others=others)


# Kinds of entries; other ones are words for what is not read, such as ".txt" or "hidden".
IMAGE, FOLDER = "image", "folder"


def entries(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    """(name, kind) of what a folder holds, in the order of the system: very many names are never held together."""
    try:
        with os.scandir(path) as found:
            for entry in found:
                kind = _kind(path, entry)
                if kind:
                    yield entry.name, kind
    except OSError as error:
        raise InputError(f"{path}: the folder cannot be read ({error.strerror}). Check its permissions.") from error


def is_junk(name: str) -> bool:
    """Whether a file is one that systems and file managers leave in any folder."""
    return name.lower() in _JUNK or name.startswith("._")


def _kind(path: pathlib.Path, entry: os.DirEntry) -> str:
    """The kind of an entry; "" for what is left out without a notice."""
    name = entry.name
    if is_junk(name):
        return ""
    extension = _extension(name)
    if _is_folder(entry):
        if name.startswith("."):
            return ""
        if extension in ARRAYS:
            return IMAGE
        leads_back = entry.is_symlink() and _leads_back(path / name)
        return "link back to a folder above" if leads_back else FOLDER
    if name.startswith("."):
        return "hidden"
    if not _is_file(entry):
        return "broken link" if entry.is_symlink() else "special file"
    return IMAGE if extension in EXTENSIONS else extension or "without an extension"


def walk(path: PathLike, depth: int = MAX_DEPTH) -> Iterator[Listing]:
    """The content of a folder and of the folders in it, each once, also where links lead in a circle."""
    seen = set()
    waiting = [(pathlib.Path(path), depth)]
    while waiting:
        folder, left = waiting.pop()
        status = folder.stat()
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        listing = list_folder(folder)
        yield listing
        if left:
            waiting += [(inner, left - 1) for inner in reversed(listing.folders)]


def check_path(path: Any) -> None:
    """Refuse what is not a path, such as the index that another function reads.

    Raises:
        InputError: `path` is neither text nor a path.
    """
    if not isinstance(path, (str, os.PathLike)):
        fix = "Pass the folder. A ShardIndex is read by from_shards."
        _validation.fail("path", "must be the path of a data folder", type(path).__name__, fix)


def existing_folder(path: PathLike) -> pathlib.Path:
    """The path, if it is a folder."""
    check_path(path)
    path = pathlib.Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such folder. Check the path.")
    if not path.is_dir():
        refusal = InputError(f"{path}: is a file, not a folder. Pass the folder that holds images/ and masks/.")
        raise conversion_error(path) or refusal
    refuse_packed(path)
    return path


def subfolders(path: pathlib.Path, *, lower: bool = True) -> dict[str, pathlib.Path]:
    """The folders in a folder by name (in lower case by default), without hidden ones."""
    return {entry.name.lower() if lower else entry.name: entry for entry in list_folder(path).folders}


def image_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The images of a folder, recognized by their extensions, without hidden files."""
    return list(list_folder(folder).images)


def first_of(folders: Mapping[str, pathlib.Path], names: Iterable[str]) -> pathlib.Path | None:
    """The first folder that has one of the names, or None."""
    return next((folders[name] for name in names if name in folders), None)


def some_of(names: Iterable[Any], *, shown: int = _SHOWN) -> str:
    """The first names, and how many more there are."""
    names = [str(name) for name in names]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def _extension(name: str) -> str:
    """`Path(name).suffix`, in lower case."""
    kind = os.path.splitext(name)[1].lower()
    return "" if kind == "." else kind


def _is_folder(entry: os.DirEntry) -> bool:
    # A link to itself cannot be followed at all.
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _leads_back(link: pathlib.Path) -> bool:
    target = link.resolve()
    return target == link.parent.resolve() or target in link.parent.resolve().parents
