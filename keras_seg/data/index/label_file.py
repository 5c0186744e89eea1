"""`labels.json` and `classes.txt`, the files beside a data folder that name its classes."""

import dataclasses
import json
import pathlib
import re
from collections.abc import Mapping
from typing import Any, NoReturn

from keras_seg import _validation
from keras_seg._decoding.orientation import CHOICES
from keras_seg._text import read_text
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.folder_roles import SPLITS
from keras_seg.data.index.packed_folder import FILE, is_packed_folder
from keras_seg.data.index.pairs import ListedPairs, split_folder
from keras_seg.data.shards.shard_index import ShardIndex

_FILES = ("labels.json", "classes.txt")
_KEYS = ("names", "ignore_class", "colors", "label_map", "exif_orientation")
# What other tools call these keys.
_OTHER_NAMES = {
    "classes": "names",
    "class_names": "names",
    "labels": "names",
    "categories": "names",
    "ignore_label": "ignore_class",
    "ignore_index": "ignore_class",
    "ignore": "ignore_class",
    "void": "ignore_class",
    "colours": "colors",
    "palette": "colors",
    "map": "label_map",
    "mapping": "label_map",
}
_NUMBERED = re.compile(r"(\d+)(?:\s*[:=,;]\s*|\s+)(\S.*)")
_FORM = (
    '{"names": ["background", ...], "ignore_class": 255}, optionally with "colors": [[0, 0, 0], ...] or '
    '"label_map": {"1": 0, ...}'
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelFile:
    """The content of the file. Fields are None for settings that it does not hold."""

    path: pathlib.Path | None = None
    names: tuple[str, ...] | None = None
    ignore_class: Any = None
    colors: dict[tuple[int, int, int], int] | None = None
    label_map: dict[int, int] | None = None
    exif_orientation: str | None = None

    @property
    def content(self) -> str | None:
        """Text that is the same for files of the same meaning; None without a file."""
        if self.path is None:
            return None
        colors = None if self.colors is None else sorted((list(color), id_) for color, id_ in self.colors.items())
        label_map = None if self.label_map is None else sorted(self.label_map.items())
        return json.dumps([self.names, _validation.ignored_classes(self.ignore_class), colors, label_map])


def read_label_file(path: PathLike | ListedPairs, split: str | None) -> LabelFile:
    """The label file of a data folder, looked for in the split's folder, the folder itself, and beside a split."""
    if is_packed_folder(path):
        return _packed_labels(path)
    root = pathlib.Path(path[0]).parent if isinstance(path, (tuple, list)) else pathlib.Path(path)
    folders = [root] if split is None else [split_folder(root, split), root]
    if split is None and root.name.lower() in {name for names in SPLITS.values() for name in names}:
        folders.append(root.parent)  # DATA/train is the train split of DATA.
    settings, listed = next((found for found in map(_files_of, folders) if any(found)), (None, None))
    if settings is None and listed is None:
        return LabelFile()
    lines = None if listed is None else _listed_names(listed, read_text(listed))
    if settings is None:
        file, content = listed, LabelFile(path=listed, names=lines)
    else:
        file, content = settings, _parsed(settings, read_text(settings))
        if content.names is None:
            content = dataclasses.replace(content, names=lines)
        elif lines is not None and lines != content.names:
            raise InputError(f"{listed}: names other classes than {settings.name} does. Remove one of the two.")
    names = content.names
    if names is not None and len(set(names)) != len(names):
        raise InputError(f"{file}: a class name occurs twice. Give every class its own name.")
    if names is not None and len(names) < 2:
        raise InputError(f"{file}: lists {len(names)} class names. List at least two, one for each id from 0.")
    return content


def _packed_labels(path: PathLike) -> LabelFile:
    """What the description of shards says."""
    index = ShardIndex._read(path)
    return LabelFile(
        path=pathlib.Path(path, FILE),
        names=index.class_names,
        ignore_class=list(index.ignore_class) or None,
        label_map=dict(index.encoding.label_map) or None,
        exif_orientation=index.exif_orientation,
    )


def _files_of(folder: pathlib.Path) -> tuple[pathlib.Path | None, pathlib.Path | None]:
    """The two files that may name classes, in any case of letters."""
    files = folder.iterdir() if folder.is_dir() else ()
    # In lower case last: it counts if a name is there in several cases.
    files = sorted(file for file in files if file.name.lower() in _FILES and file.is_file())
    found = {file.name.lower(): file for file in files}
    return found.get(_FILES[0]), found.get(_FILES[1])


def _listed_names(file: pathlib.Path, text: str) -> tuple[str, ...]:
    """One name per line, or lines of an id and a name: "0 background", "1: car"."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    numbered = [_NUMBERED.fullmatch(line) for line in lines]
    if not lines or not all(numbered):
        return tuple(lines)
    by_id = {int(match[1]): match[2] for match in numbered if match is not None}
    if sorted(by_id) != list(range(len(lines))):
        raise InputError(
            f"{file}: numbers its names, but not 0, 1, 2, ... without gaps. Write one name per line in the order of "
            "the ids, without numbers."
        )
    return tuple(by_id[id_] for id_ in sorted(by_id))


def _parsed(file: pathlib.Path, text: str) -> LabelFile:
    try:
        content = json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        reason = " ".join(str(error).split()) if isinstance(error, ValueError) else "nested too deeply"
        raise InputError(f"{file}: is not of the form {_FORM} ({reason}).") from error
    if not isinstance(content, dict):
        raise InputError(f"{file}: is not of the form {_FORM} (a {type(content).__name__} instead of an object).")
    for key in content:
        if key not in _KEYS:
            meant = _OTHER_NAMES.get(key.lower())
            hint = f"Did you mean {meant!r}?" if meant else _validation.nearest(key, _KEYS)
            raise InputError(f"{file}: holds the unknown key {key[:60]!r}. {hint}")
    return LabelFile(
        path=file,
        names=_names(file, content.get("names")),
        ignore_class=_ignored(file, content.get("ignore_class")),
        colors=_colors(file, content.get("colors")),
        label_map=_label_map(file, content.get("label_map")),
        exif_orientation=_exif_orientation(file, content.get("exif_orientation")),
    )


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)[:60]!r} occurs twice")
    return content


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def _wrong(file: pathlib.Path, key: str, rule: str, value: Any) -> InputError:
    shown = json.dumps(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return InputError(f'{file}: is not of the form {_FORM}: "{key}" must be {rule}, not {shown}.')


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**31


def _as_id(text: str) -> int | None:
    """The integer that a key of JSON holds."""
    try:
        return int(text) if text.strip() == str(int(text)) else None
    except ValueError:
        return None


def _names(file: pathlib.Path, value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    rule = 'a list of strings, {"0": "background", ...} or {"background": 0, ...}'
    if isinstance(value, dict):
        value = _ordered(file, value, rule)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _wrong(file, "names", rule, value)
    names = tuple(name.strip() for name in value)
    if not all(names):
        raise _wrong(file, "names", "names that are not empty", value)
    return names


def _ordered(file: pathlib.Path, value: Mapping[str, Any], rule: str) -> list[str]:
    """The names in the order of their ids, from a dict of ids to names or of names to ids."""
    ids = [_as_id(key) for key in value]
    if all(_is_int(id_) for id_ in value.values()):
        if value and None not in ids:
            raise _wrong(file, "names", f"{rule}; numbers on both sides do not tell which are the names", value)
        by_id = {id_: name for name, id_ in value.items()}
        if len(by_id) != len(value):
            raise _wrong(file, "names", f"{rule}, each id for one name", value)
    else:
        by_id = {id_: name for id_, name in zip(ids, value.values(), strict=True) if id_ is not None}
        if len(by_id) != len(value):
            raise _wrong(file, "names", f"{rule}, each id once", value)
    if sorted(by_id) != list(range(len(by_id))):
        raise _wrong(file, "names", f"{rule} with the ids 0, 1, 2, ... without gaps", value)
    return [by_id[id_] for id_ in sorted(by_id)]


def _ignored(file: pathlib.Path, value: Any) -> Any:
    if value is None or _is_int(value) or (isinstance(value, list) and all(map(_is_int, value))):
        return value
    raise _wrong(file, "ignore_class", "an integer or a list of integers", value)


def _colors(file: pathlib.Path, value: Any) -> dict[tuple[int, int, int], int] | None:
    if value is None:
        return None
    rule = "a list of colors [red, green, blue] in 0..255, one for each id from 0"
    if not isinstance(value, list) or not value:
        raise _wrong(file, "colors", rule, value)
    colors = {}
    for id_, color in enumerate(value):
        if not isinstance(color, list) or len(color) != 3 or not all(_is_int(x) and 0 <= x <= 255 for x in color):
            raise _wrong(file, "colors", rule, color)
        if tuple(color) in colors:
            raise _wrong(file, "colors", f"{rule}; a color occurs twice", color)
        colors[(color[0], color[1], color[2])] = id_
    return colors


def _exif_orientation(file: pathlib.Path, value: Any) -> str | None:
    if value is None or value in CHOICES:
        return value
    raise _wrong(file, "exif_orientation", " or ".join(map(json.dumps, CHOICES)), value)


def _label_map(file: pathlib.Path, value: Any) -> dict[int, int] | None:
    if value is None:
        return None
    rule = "an object from mask values to ids, both integers"
    if not isinstance(value, dict) or not value:
        raise _wrong(file, "label_map", rule, value)
    mapped = {_as_id(key): id_ for key, id_ in value.items()}
    if None in mapped or len(mapped) != len(value) or not all(map(_is_int, mapped.values())):
        raise _wrong(file, "label_map", rule, value)
    return {key: id_ for key, id_ in mapped.items() if key is not None}
