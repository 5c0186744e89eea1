"""The indices that checks look at."""

import os
import pathlib
from collections.abc import Iterator, Mapping

from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.folder_index import FolderIndex
from keras_seg.data.index.multilabel_index import MultiLabelIndex

# By split; None is the only key for a folder without splits.
Indices = Mapping[str | None, DataIndex]


def of_classes(indices: Indices) -> Iterator[tuple[str | None, FolderIndex]]:
    """The indices whose masks hold classes."""
    return ((split, index) for split, index in indices.items() if isinstance(index, FolderIndex))


def with_classes(indices: Indices) -> Iterator[tuple[str | None, FolderIndex | MultiLabelIndex]]:
    """The indices with pixels per class, of which a pixel may have several."""
    kinds = (FolderIndex, MultiLabelIndex)
    return ((split, index) for split, index in indices.items() if isinstance(index, kinds))


def short(file: pathlib.Path, indices: Indices) -> str:
    """A file relative to the folder that all files of the indices share."""
    files = [pair.image.parent for index in indices.values() for pair in index.pairs[:1]]
    files += [pair.mask.parent for index in indices.values() for pair in index.pairs[:1]]
    root = pathlib.Path(os.path.commonpath([folder.absolute() for folder in files]))
    return str(file.absolute().relative_to(root)) if file.absolute().is_relative_to(root) else str(file)
