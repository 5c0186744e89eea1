"""`labels.json` and `classes.txt`, the files beside a data folder that name its classes."""

import dataclasses
import json
import pathlib
from typing import Any

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.folder_roles import SPLITS
from keras_seg.data.index.pairs import ListedPairs, split_folder

_NAMES = ("labels.json", "classes.txt")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelFile:
    """The content of the file. Fields are None for settings that it does not hold."""

    path: pathlib.Path | None = None
    names: tuple[str, ...] | None = None
    ignore_class: Any = None
    colors: dict[tuple[int, int, int], int] | None = None
    label_map: dict[int, int] | None = None


def read_label_file(path: PathLike | ListedPairs, split: str | None) -> LabelFile:
    """The label file of a data folder, looked for in the split's folder, the folder itself, and beside a split."""
    root = pathlib.Path(path[0]).parent if isinstance(path, (tuple, list)) else pathlib.Path(path)
    folders = [root] if split is None else [split_folder(root, split), root]
    if split is None and root.name.lower() in {name for names in SPLITS.values() for name in names}:
        folders.append(root.parent)  # DATA/train is the train split of DATA.
    file = next((folder / name for folder in folders for name in _NAMES if (folder / name).is_file()), None)
    if file is None:
        return LabelFile()
    text = file.read_text(encoding="utf-8-sig")
    if file.suffix == ".txt":
        content = LabelFile(path=file, names=tuple(line.strip() for line in text.splitlines() if line.strip()))
    else:
        content = _parsed(file, text)
    names = content.names
    if names is not None and len(set(names)) != len(names):
        raise InputError(f"{file}: a class name occurs twice. Give every class its own name.")
    if names is not None and len(names) < 2:
        raise InputError(f"{file}: lists {len(names)} class names. List at least two, one for each id from 0.")
    return content


def _parsed(file: pathlib.Path, text: str) -> LabelFile:
    try:
        content = json.loads(text)
        names, colors, label_map = (content.get(key) for key in ("names", "colors", "label_map"))
        if names is not None:
            names = tuple(str(name) for name in names)
        if colors is not None:
            count = len(colors)
            colors = {(int(red), int(green), int(blue)): id_ for id_, (red, green, blue) in enumerate(colors)}
            if len(colors) != count:
                raise ValueError("a color occurs twice")
        if label_map is not None:
            label_map = {int(value): int(id_) for value, id_ in label_map.items()}
        ignore_class = content.get("ignore_class")
    except (ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f'{file}: is not of the form {{"names": ["background", ...], "ignore_class": 255}}, optionally with '
            f'"colors": [[0, 0, 0], ...] or "label_map": {{"1": 0, ...}} ({error}).'
        ) from error
    return LabelFile(path=file, names=names, ignore_class=ignore_class, colors=colors, label_map=label_map)
