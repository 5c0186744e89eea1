"""The files of a source. Nothing outside of its folder is read, whatever its label files say."""

import json
import os
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from keras_seg._text import read_text
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import EXTENSIONS
from keras_seg.data.index.folder_roles import SPLITS
from keras_seg.data.index.unicode_names import forms

_MAX_JSON = 1_000_000_000
# Parsed files that are kept in memory; of larger ones, the last.
_KEPT = 4_000_000
_FEW = 40

Found = TypeVar("Found")

_SPLIT_WORD = re.compile(r"(?:^|[^a-z])(train|training|valid|validation|val|test|testing)(?=$|[^a-z])")


class Source:
    """A folder, or one label file in a folder.

    Args:
        path: path of the folder or of the label file.
        images: path of the folder that holds the images, if they lie elsewhere.
        shown: str. What error messages call the folder; its path by default.
    """

    def __init__(self, path: pathlib.Path, *, images: pathlib.Path | None = None, shown: str | None = None) -> None:
        self.file = path.resolve() if path.is_file() else None
        self.root = self.file.parent if self.file else path.resolve()
        self.images = images.resolve() if images else None
        self.shown = str(path) if shown is None else shown
        self.problems: list[str] = []
        self._parsed: dict[pathlib.Path, Any] = {}
        self._large: tuple[pathlib.Path, Any] | None = None
        self._broken: dict[pathlib.Path, InputError] = {}

    def name(self, path: pathlib.Path) -> str:
        """A path as messages show it: from the source on."""
        inside = path.is_relative_to(self.root) and path != self.root
        return path.relative_to(self.root).as_posix() if inside else str(path)

    def required(self, found: Found | None, missing: str) -> Found:
        """What was found; nothing is refused with the line `missing`."""
        if not found:
            raise InputError(f"{self.shown}: {missing}")
        return found

    def inside(self, name: object, base: pathlib.Path, where: str) -> pathlib.Path:
        """The path `name` from the folder `base`. It need not exist, and must lie in the source."""
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"{where}: the name of a file is missing. Export the labels again.")
        text = name.replace("\\", "/")
        if text.startswith("/") or re.match("[A-Za-z]:", text) or "\0" in text or "://" in text:
            raise InputError(f"{where}: {name!r} is not a path from the folder of the source. Write it relative to it.")
        return self._followed(base / text, name, where)

    def checked(self, path: pathlib.Path) -> pathlib.Path:
        """A path below the source, as it is: a link has its own name and folder. One that leads out is refused.

        Files of DataLad and git-annex are links to files of other names.
        """
        self._followed(path, self.name(path), self.name(path))
        return path

    def _followed(self, path: pathlib.Path, name: str, where: str) -> pathlib.Path:
        """The path without links, which must lie in the source."""
        try:
            followed = path.resolve()
        except (OSError, RuntimeError) as error:  # Symbolic links in a circle.
            raise InputError(f"{where}: {name!r} cannot be followed ({error}). Put the file itself there.") from error
        roots = [self.root] + ([self.images] if self.images else [])
        if not any(followed.is_relative_to(root) for root in roots):
            raise InputError(f"{where}: {name!r} leads out of {self.shown}. Put the file itself into that folder.")
        return followed

    def first_file(self, name: object, bases: Sequence[pathlib.Path], where: str) -> pathlib.Path | None:
        """The file `name` in the first of the folders that has it; the folder `images` first."""
        for base in ([self.images] if self.images else []) + list(bases):
            for form in forms(name) if isinstance(name, str) else (name,):
                if is_file(self.inside(form, base, where)):
                    return base / str(form).replace("\\", "/")
        return None

    def files(self, folder: pathlib.Path, extensions: Sequence[str] = EXTENSIONS) -> list[pathlib.Path]:
        """The files of a folder in order of their names, without hidden ones. Links that lead out are refused."""
        if not folder.is_dir():
            return []
        found = [p for p in sorted(folder.iterdir()) if p.suffix.lower() in extensions and p.name[0] != "."]
        return [self.checked(path) for path in found if is_file(path)]

    def tree(self, folder: pathlib.Path, extensions: Sequence[str] = EXTENSIONS) -> Iterator[pathlib.Path]:
        """The files below a folder, in order."""
        for parent, folders, _ in os.walk(folder):
            folders[:] = sorted(name for name in folders if name[0] != ".")
            yield from self.files(pathlib.Path(parent), extensions)

    def folders(self, folder: pathlib.Path | None = None) -> dict[str, pathlib.Path]:
        """The folders in a folder, by name, without hidden ones and those that lead out."""
        folder = folder or self.root
        if not folder.is_dir():
            return {}
        found = (path for path in sorted(folder.iterdir()) if path.name[0] != "." and path.is_dir())
        return {path.name: path for path in found if path.resolve().is_relative_to(self.root)}

    def label_files(self, extension: str, *, few: bool = True) -> list[pathlib.Path]:
        """Label files of the folder and of the folders in it; with `few` the first ones, to recognize a format."""
        if self.file:
            return [self.file] if self.file.suffix.lower() == extension else []
        inner = list(self.folders().values())
        deeper = [folder for parent in inner for folder in self.folders(parent).values()]
        found = []
        for folder in [self.root, *inner, *deeper]:
            here = self.files(folder, (extension,))
            found += here[:_FEW] if few else here
        return found

    def json(self, path: pathlib.Path) -> Any:
        """The content of a JSON file."""
        if path in self._broken:
            raise self._broken[path]
        if path in self._parsed:
            return self._parsed[path]
        if self._large and self._large[0] == path:
            return self._large[1]
        try:
            content = self._read_json(path)
        except InputError as error:
            self._broken[path] = error
            raise
        if path.stat().st_size <= _KEPT // 100:
            self._parsed[path] = content
            while len(self._parsed) > 500:
                self._parsed.pop(next(iter(self._parsed)))
        else:
            self._large = (path, content)
        return content

    def recognized_json(self, path: pathlib.Path) -> Any:
        """The content of a JSON file, or None if it cannot be read, which is remembered."""
        try:
            return self.json(path)
        except InputError as error:
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return None

    def _read_json(self, path: pathlib.Path) -> Any:
        size = path.stat().st_size
        if size > _MAX_JSON:
            raise InputError(
                f"{self.name(path)}: has {size / 1e9:.1f} GB, and 1 GB is the most that is read. Divide the file."
            )
        try:
            return json.loads(read_text(path, shown=self.name(path), largest=_MAX_JSON))
        except InputError:
            raise
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise InputError(f"{self.name(path)}: is not valid JSON ({reason}). Export the labels again.") from error

    def text(self, path: pathlib.Path) -> str:
        """The content of a text file."""
        return read_text(path, shown=self.name(path), largest=_MAX_JSON // 10)


def is_file(path: pathlib.Path) -> bool:
    """Whether the path is a file; False for names that the system does not allow."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def place(path: pathlib.Path) -> pathlib.Path:
    """One path per file: links of folders and ".." are followed, the link that a file may be is not."""
    return path.parent.resolve() / path.name


def split_in(name: str) -> str | None:
    """The split that a name holds as a word: "instances_train2017" gives "train"."""
    words = _SPLIT_WORD.findall(name.lower())
    if not words:
        return None
    return next(split for split, names in SPLITS.items() if words[-1] in names)


def printable(text: str) -> str:
    """The text in one line without control characters, which could rewrite what a terminal shows."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
