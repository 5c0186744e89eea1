"""What is to be predicted: files, folders, patterns, lists of files, cameras."""

import collections
import glob
import os
import pathlib
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from keras_seg._decoding.arrays import is_array
from keras_seg._decoding.geo_raster import GEOTIFFS, has_rasterio
from keras_seg._decoding.tiff import is_georeferenced
from keras_seg._text import counted, read_text
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import EXTENSIONS, some_of, walk

# A small text file that names rasters, or bands of one.
_MOSAIC = ".vrt"
VIDEOS = (".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv", ".ts")
_LIST = ".txt"
_STREAM = re.compile(r"camera:\d+|(rtsp|rtmp|http|https|udp|tcp)://.+", re.IGNORECASE)

# (file, folder below the one that was named)
_Placed = tuple[pathlib.Path, pathlib.PurePath]


class FoundImages(NamedTuple):
    """What is to be predicted.

    Attributes:
        files: (file, folder) of images: `folder` is the one below the folder that was named, "." for the files in it.
        videos: the same of videos.
        streams: cameras and network streams, as they were named.
        notices: one line about the files of each folder that are not taken.
    """

    files: tuple[_Placed, ...]
    notices: tuple[str, ...] = ()
    videos: tuple[_Placed, ...] = ()
    streams: tuple[str, ...] = ()


def find_images(
    paths: Iterable[PathLike],
    *,
    recursive: bool = False,
    exclude: PathLike | None = None,
    working_folder: PathLike = "",
) -> FoundImages:
    """The files that are named, that lie in the folders that are named, that match a pattern, or stand in a list.

    Args:
        paths: files; folders; patterns such as "scans/**/*.png"; text files that name a file per line, relative to
            their folder or to the working directory; "camera:0", or the address of a stream.
        recursive: bool. Whether to take the images in subfolders too. Defaults to False.
        exclude: path of a folder to skip, that of the predictions. Defaults to None.
        working_folder: path of the folder that lines of lists may be relative to. Defaults to "", for the working
            directory of this process.

    Raises:
        InputError: a path does not exist, or a folder or pattern gives no images or lies in `exclude`.
    """
    files: dict[pathlib.Path, _Placed] = {}
    notices: list[str] = []
    streams: list[str] = []
    left_out = None if exclude is None else pathlib.Path(exclude).resolve()
    for given in paths:
        if is_stream(given):
            streams.append(str(given))
            continue
        path = pathlib.Path(given)
        if path.is_file() and path.suffix.lower() == _LIST:
            found = _of_list(path, working_folder)
        elif path.is_file() or (is_raster(path) and path.exists()):
            found = [(path, pathlib.PurePath())]
        elif path.is_dir():
            found, lines = _of_folder(path, recursive=recursive, left_out=left_out)
            notices += lines
        elif glob.has_magic(str(path)):
            found, lines = _of_pattern(path, left_out=left_out)
            notices += lines
        else:
            raise InputError(f"{path}: no such file or folder.")
        for file, folder in found:
            # A file that is named twice is predicted once, also by links to its folder. Two links to one file, by
            # which a cache keeps equal images only once, are two names.
            files.setdefault(file.parent.resolve() / file.name, (file, folder))
    return FoundImages(
        files=tuple(placed for placed in files.values() if not _is_video(placed[0])),
        notices=tuple(notices),
        videos=tuple(placed for placed in files.values() if _is_video(placed[0])),
        streams=tuple(dict.fromkeys(streams)),
    )


def is_stream(path: PathLike) -> bool:
    """Whether a path names a camera or a network stream."""
    return _STREAM.fullmatch(str(path)) is not None


def is_raster(path: pathlib.Path) -> bool:
    """Whether an image is read row by row, because it may be larger than memory, by its name."""
    return is_array(path) or path.suffix.lower() == _MOSAIC


def is_map(path: pathlib.Path) -> bool:
    """Whether an image has a place on the earth, which its mask then has too. rasterio must read it."""
    return path.suffix.lower() == _MOSAIC or (path.suffix.lower() in GEOTIFFS and is_georeferenced(path))


def lost_place(path: pathlib.Path, *, maps: bool) -> str:
    """What to know about the mask of a TIFF that has a place on the earth, where the mask has none; else empty.

    `maps` says whether masks hold class ids, as those that rasterio writes do.
    """
    if (maps and has_rasterio()) or path.suffix.lower() not in GEOTIFFS or not is_georeferenced(path):
        return ""
    if not maps:
        return "Only masks of class ids are written as GeoTIFFs."
    return 'For a GeoTIFF: pip install "keras-seg[geo]".'


def _is_video(path: pathlib.Path) -> bool:
    return path.suffix.lower() in VIDEOS


def _of_folder(
    root: pathlib.Path, *, recursive: bool, left_out: pathlib.Path | None
) -> tuple[list[_Placed], list[str]]:
    """The images of a folder with their places in it, and a line about what is not taken."""
    _check_outside(root, root, left_out)
    taken, others = [], collections.Counter()
    inside, inner_folders = 0, []
    for listing in walk(root):
        if _within(listing.path, left_out):
            continue
        place = listing.path.relative_to(root)
        found = listing.images
        if recursive or listing.path == root:
            taken += [(file, place) for file in found]
            others.update(listing.others)
        elif found:
            inside += len(found)
            inner_folders.append(f"{place}/")
    parts = _counts(others)
    if inside:
        advice = "add `recursive=True` to predict them"
        parts.append(f"{counted(inside, 'image')} in subfolders ({some_of(inner_folders)}; {advice})")
    if not taken:
        holds = f"It holds {', '.join(parts)}." if parts else "It is empty."
        raise InputError(f"{root}: holds no images ({_KNOWN}). {holds}")
    return taken, [f"Not predicted in {root}: {', '.join(parts)}."] if parts else []


_KNOWN = f"{', '.join(EXTENSIONS[:8])}, ..."


def _of_pattern(pattern: pathlib.Path, *, left_out: pathlib.Path | None) -> tuple[list[_Placed], list[str]]:
    """The images and videos that match, with their places below the part without wildcards, and a line on the rest."""
    fixed = next(part for part in pattern.parents if not glob.has_magic(str(part)))
    _check_outside(pattern, fixed, left_out)
    taken, others = [], collections.Counter()
    for path in map(pathlib.Path, sorted(glob.glob(str(pattern), recursive=True))):
        if _within(path, left_out) or (path.is_dir() and not is_raster(path)):
            continue
        if path.suffix.lower() in EXTENSIONS or is_raster(path) or _is_video(path):
            taken.append((path, path.parent.relative_to(fixed)))
        else:
            others[path.suffix.lower() or "without an extension"] += 1
    parts = _counts(others)
    if not taken:
        holds = f" It matches {', '.join(parts)}." if parts else ""
        raise InputError(f"{pattern}: matches no images ({_KNOWN}).{holds}")
    return taken, [f"Not predicted of {pattern}: {', '.join(parts)}."] if parts else []


def _of_list(path: pathlib.Path, working_folder: PathLike) -> list[_Placed]:
    """The files that a text file names, with their places below the folder that they have in common."""
    lines = read_text(path).splitlines()
    files = [
        file
        for number, line in enumerate(lines, 1)
        for file in _named(path, number, line.strip(), working_folder=working_folder)
    ]
    if not files:
        raise InputError(f"{path}: names no files. Write one per line.")
    root = os.path.commonpath([file.absolute().parent for file in files])
    return [(file, file.absolute().parent.relative_to(root)) for file in files]


def _named(source: pathlib.Path, number: int, line: str, *, working_folder: PathLike) -> Iterator[pathlib.Path]:
    """The file of a line of a list: none for an empty line or a comment."""
    if not line or line.startswith("#"):
        return
    places = [
        pathlib.Path(os.path.normpath(place)) for place in (source.parent / line, pathlib.Path(working_folder, line))
    ]
    there = {place.resolve(): place for place in reversed(places) if place.exists()}
    if not there:
        raise InputError(f"{source}, line {number}: {line}: no such file.")
    if len(there) > 1:
        raise InputError(
            f"{source}, line {number}: {line}: is in the folder of the list and in the working directory, and these "
            "are two files. Write whole paths."
        )
    (file,) = there.values()
    if file.is_dir() and not is_raster(file):
        raise InputError(f"{source}, line {number}: {line}: is a folder. Name its files, or give the folder itself.")
    yield file


def _check_outside(given: pathlib.Path, folder: pathlib.Path, left_out: pathlib.Path | None) -> None:
    """Fail where all that a path can name is left out."""
    if _within(folder, left_out):
        raise InputError(f"{given}: lies in the folder for the predictions. Choose another folder for them.")


def _within(path: pathlib.Path, folder: pathlib.Path | None) -> bool:
    resolved = path.resolve()
    return folder is not None and (resolved == folder or folder in resolved.parents)


def _counts(others: collections.Counter) -> list[str]:
    return [f"{count} {kind}" for kind, count in sorted(others.items())]
