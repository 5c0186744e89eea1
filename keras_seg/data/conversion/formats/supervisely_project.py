"""The folders of a Supervisely project: data sets, which are splits or only parts, and the data sets in them."""

import dataclasses
import pathlib
from collections.abc import Callable, Iterable, Iterator

from keras_seg.data.conversion.source import Source, split_in

# The folder of a data set that holds further ones.
_INNER = "datasets"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Project:
    """The data sets of a project.

    Args:
        root: the project, or its only data set.
        folders: the data sets.
    """

    root: pathlib.Path
    folders: tuple[pathlib.Path, ...]

    @property
    def _divided(self) -> bool:
        # Other folders of a project are data sets without such a meaning.
        return all(map(self._named_split, self.folders))

    def split(self, folder: pathlib.Path) -> str | None:
        """The split that a data set is, or that it lies in."""
        return self._named_split(folder) if self._divided else None

    def image_name(self, folder: pathlib.Path, name: str) -> str:
        """The name of an image, with its data sets where another one may have the same name."""
        if len(self.folders) == 1:
            return name
        names = [own for own in self._names(folder) if not (self._divided and split_in(own))]
        return "/".join([*names, name])

    def _names(self, folder: pathlib.Path) -> list[str]:
        """The names of the data sets around a data set, the outermost first, and its own."""
        return [name for name in folder.relative_to(self.root).parts if name != _INNER]

    def _named_split(self, folder: pathlib.Path) -> str | None:
        return next(filter(None, map(split_in, reversed(self._names(folder)))), None)


def project(source: Source, is_data_set: Callable[[pathlib.Path], bool]) -> Project | None:
    """The project of a source, if a folder of it is a data set."""
    if source.file:
        return None
    outer = [source.root] if is_data_set(source.root) else source.folders().values()
    folders = tuple(folder for folder in _with_inner(source, outer) if is_data_set(folder))
    return Project(root=source.root, folders=folders) if folders else None


def _with_inner(source: Source, folders: Iterable[pathlib.Path]) -> Iterator[pathlib.Path]:
    """The folders, each before the data sets that lie in it."""
    for folder in folders:
        yield folder
        yield from _with_inner(source, source.folders(folder / _INNER).values())
