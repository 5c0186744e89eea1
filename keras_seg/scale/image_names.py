"""The names of the images of big folders, one after the other."""

import array
import collections
import glob
import hashlib
import os
import pathlib
import posixpath
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from keras_seg._remote_files import RemoteFiles, before_wildcards, is_remote, joined
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import EXTENSIONS, FOLDER, IMAGE, MAX_DEPTH, entries
from keras_seg.training.prediction_files import inside_masks, same_place
from keras_seg.training.prediction_inputs import VIDEOS, find_images, is_stream


class ImageName(NamedTuple):
    """An image to predict.

    Attributes:
        path: str. The absolute path or the address of the file.
        folder: str. The folder below the one that was named, "." for the files in it.
    """

    path: str
    folder: str

    @property
    def place(self) -> str:
        """Where its predictions go, below masks/ and overlays/, without the ending."""
        return posixpath.normpath(posixpath.join(self.folder, posixpath.splitext(posixpath.basename(self.path))[0]))


class Survey(NamedTuple):
    """What a first pass over the names found: how many images, and a line per folder about what is not taken."""

    images: int
    notices: tuple[str, ...]


class ImageNames:
    """The images of files, folders, patterns and lists of files, here or in a store.

    Iterating yields an `ImageName` for each. The names of a folder on this machine are never held together, those of a
    store one folder at a time; an object of this class can be sent to other machines.

    Args:
        paths: files, folders, patterns and lists, as for `find_images`; addresses such as "s3://bucket/folder".
        recursive: bool. Whether to take the images in subfolders too. Defaults to False.
        exclude: path of a folder to skip, that of the predictions. Defaults to None.
        folders: bool. Whether the masks of an image are a folder, as for a task whose classes overlap. Defaults to
            False.

    Raises:
        InputError: a path does not exist, is a video or a stream, or holds no images.
    """

    def __init__(
        self,
        paths: Iterable[PathLike],
        *,
        recursive: bool = False,
        exclude: PathLike | None = None,
        folders: bool = False,
    ) -> None:
        self._paths = [_absolute(path) for path in paths]
        self._recursive, self._folders = recursive, folders
        self._working_folder = os.getcwd()  # Of this process: that of a worker may be another.
        self._exclude = None if exclude is None else _absolute(exclude)
        for path in self._paths:
            if is_stream(path) or path.lower().endswith(VIDEOS):
                raise InputError(f"{path}: videos and streams are predicted by one process, without Ray.")
            if self._is_excluded(path):
                raise InputError(f"{path}: lies in the folder for the predictions. Choose another folder for them.")

    def __iter__(self) -> Iterator[ImageName]:
        for path in self._paths:
            for name, folder, kind in self._found(path):
                if kind == IMAGE:
                    yield ImageName(name, folder)

    def survey(self) -> Survey:
        """Read all names once.

        Raises:
            InputError: there are no images, or two of them would be written to the same place, or one into the folder
                of the masks of another one.
        """
        # Eight bytes per name: two places with equal ones are compared as they are, in a further pass.
        digests, notices, above = array.array("Q"), [], set()
        for path in self._paths:
            others, before = collections.Counter(), len(digests)
            for name, folder, kind in self._found(path):
                if kind == IMAGE:
                    digests.append(_digest(ImageName(name, folder).place))
                    above.add(folder)
                else:
                    others[kind] += 1
            left = ", ".join(f"{count} {kind}" for kind, count in sorted(others.items()))
            if len(digests) == before:
                holds = f" It holds {left}." if left else ""
                raise InputError(f"{path}: holds no images ({', '.join(EXTENSIONS[:8])}, ...).{holds}")
            if left:
                notices.append(f"Not predicted in {path}: {left}.")
        self._check_places(digests)
        if self._folders:
            self._check_folders(digests, above)
        return Survey(len(digests), tuple(notices))

    def _found(self, path: str) -> Iterator[tuple[str, str, str]]:
        """(path, folder below the one that was named, kind) of what a path names."""
        if is_remote(path):
            yield from self._in_store(path)
        elif os.path.isdir(path) and not path.lower().endswith(".zarr"):
            yield from self._in_folder(path)
        else:
            found = find_images([path], exclude=self._exclude, working_folder=self._working_folder)
            for file, folder in found.files:
                yield str(file.absolute()), folder.as_posix(), IMAGE
            for file, folder in found.videos:
                yield str(file), folder.as_posix(), _VIDEO

    def _in_folder(self, root: str) -> Iterator[tuple[str, str, str]]:
        waiting, seen = [(pathlib.Path(root), MAX_DEPTH)], set()
        while waiting:
            folder, left = waiting.pop()
            status = folder.stat()
            if (status.st_dev, status.st_ino) in seen or str(folder) == self._exclude:
                continue
            seen.add((status.st_dev, status.st_ino))
            place = folder.relative_to(root).as_posix()
            for name, kind in entries(folder):
                if kind != FOLDER:
                    yield str(folder / name), place, _VIDEO if kind in VIDEOS else kind
                elif self._recursive and left:
                    waiting.append((folder / name, left - 1))
                elif str(folder / name) != self._exclude:
                    yield str(folder / name), place, _SUBFOLDER

    def _in_store(self, address: str) -> Iterator[tuple[str, str, str]]:
        files = RemoteFiles(address)
        if glob.has_magic(address):
            # The address as it was given: a file system may have others for the same place, such as gs:// and gcs://.
            above = before_wildcards(address)
            for found in files.matches(address):
                folder, name = posixpath.split(found)
                if not self._is_excluded(above + found):
                    yield above + found, folder or ".", _kind_of_name(name)
            return
        if files.is_file(address):
            yield address, ".", _kind_of_name(posixpath.basename(address))
            return
        for place, folders, names in files.walk(address, MAX_DEPTH + 1 if self._recursive else 1):
            folder = joined(address, place)
            if self._is_excluded(folder):
                continue
            for name in names:
                yield joined(folder, name), place, _kind_of_name(name)
            for name in () if self._recursive else folders:
                if not self._is_excluded(joined(folder, name)):
                    yield joined(folder, name), place, _SUBFOLDER

    def _is_excluded(self, path: str) -> bool:
        return self._exclude is not None and f"{path}/".startswith(f"{self._exclude}/")

    def _check_places(self, digests: array.array) -> None:
        """Fail if the predictions of two images would have one name."""
        found, counts = np.unique(np.frombuffer(digests, "uint64"), return_counts=True)
        twice = set(found[counts > 1].tolist())
        seen: dict[str, str] = {}
        for image in self if twice else ():
            if _digest(image.place) not in twice:
                continue
            if image.place in seen:
                raise same_place(image.path, seen[image.place])
            seen[image.place] = image.path

    def _check_folders(self, digests: array.array, folders: set[str]) -> None:
        """Fail if the masks of an image in one of these folders would lie in the folder of those of another image."""
        above = {_digest(place) for folder in folders for place in _and_parents(folder)}
        both = above.intersection(digests)
        taken = {image.place: image.path for image in self if _digest(image.place) in both} if both else {}
        for image in self if taken else ():
            for place in _and_parents(image.folder):
                if place in taken:
                    raise inside_masks(image.path, taken[place])


# Kinds of what is not taken, in the words of the notice.
_VIDEO = "videos, which are predicted without Ray"
_SUBFOLDER = "subfolders (add `recursive=True` to predict their images)"


def _absolute(path: PathLike) -> str:
    """A path that other processes find too."""
    text = str(path)
    return text.rstrip("/") if is_remote(text) or is_stream(text) else os.path.abspath(text)


def _and_parents(folder: str) -> list[str]:
    """A folder and those above it, below the one that was named."""
    place = pathlib.PurePosixPath(folder)
    return [str(one) for one in (place, *place.parents)]


def _kind_of_name(name: str) -> str:
    """The kind of a file in a store."""
    ending = posixpath.splitext(name)[1].lower()
    if name.startswith("."):
        return "hidden"
    return IMAGE if ending in EXTENSIONS else _VIDEO if ending in VIDEOS else ending or "without an extension"


def _digest(place: str) -> int:
    return int.from_bytes(hashlib.blake2b(place.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "little")
