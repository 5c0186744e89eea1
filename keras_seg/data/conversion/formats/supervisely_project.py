"""The folders of a Supervisely project: data sets, which are splits or only parts."""

import dataclasses
import pathlib
from collections.abc import Callable

from keras_seg.data.conversion.source import Source, split_in


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
        return all(folder != self.root and split_in(folder.name) for folder in self.folders)

    def split(self, folder: pathlib.Path) -> str | None:
        """The split that a data set is."""
        return split_in(folder.name) if self._divided else None

    def image_name(self, folder: pathlib.Path, name: str) -> str:
        """The name of an image, with its data set where another one may have the same name."""
        return name if len(self.folders) == 1 or self._divided else f"{folder.name}/{name}"


def project(source: Source, is_data_set: Callable[[pathlib.Path], bool]) -> Project | None:
    """The project of a source, if a folder of it is a data set."""
    if source.file:
        return None
    inner = source.folders().values()
    folders = (source.root,) if is_data_set(source.root) else tuple(folder for folder in inner if is_data_set(folder))
    return Project(root=source.root, folders=folders) if folders else None
