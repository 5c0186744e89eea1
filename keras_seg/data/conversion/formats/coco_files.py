"""What COCO's two kinds of label files share: images, categories, splits."""

import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.split_files import split_of
from keras_seg.data.conversion.source import Source

# Files of COCO's releases that hold no masks of their own, or the same ones again.
_OTHERS = ("captions_", "person_keypoints_", "image_info_", "stuff_")


def label_files(source: Source, fits: Callable[[Any], bool]) -> list[pathlib.Path]:
    """The JSON files whose content fits."""
    files = [file for file in source.label_files(".json") if source.file or not file.name.startswith(_OTHERS)]
    return [file for file in files if fits(source.recognized_json(file))]


class Categories:
    """The classes of several label files that agree.

    Args:
        source: the source.
        files: the label files.
    """

    def __init__(self, source: Source, files: Sequence[pathlib.Path]) -> None:
        self.notices: list[str] = []
        rows: dict[int, dict[str, Any]] = {}
        for number, file in enumerate(files):
            content = source.json(file)
            found = _rows(source.name(file), content["categories"])
            used = {item.get("category_id") for item in content["annotations"] if isinstance(item, dict)}
            found = self._without_supercategory(found, used)
            names = {id_: row["name"] for id_, row in found.items()}
            if number and names != {id_: row["name"] for id_, row in rows.items()}:
                raise InputError(
                    f"{source.name(file)}: has other categories than {source.name(files[0])}. Export both with the "
                    "same classes, or convert them one by one."
                )
            rows = rows or found
        ids = sorted(rows)
        self.names, classes = class_ids([rows[id_]["name"] for id_ in ids], source.name(files[0]))
        self.rows = rows
        self._classes = dict(zip(ids, classes, strict=True))
        colors = [rows[id_].get("color") for id_ in ids]
        self.colors = _colors(colors, classes, len(self.names))

    def class_of(self, id_: object, where: str) -> int:
        """The class of a category id."""
        if not isinstance(id_, int) or id_ not in self._classes:
            raise InputError(
                f"{where}: the category {id_!r} is not in the list of categories. Add it, or remove the record."
            )
        return self._classes[id_]

    def _without_supercategory(self, rows: dict[int, dict[str, Any]], used: set[Any]) -> dict[int, dict[str, Any]]:
        """Without the row 0 that Roboflow adds for the name of the project."""
        first = rows.get(0)
        others = [row for id_, row in rows.items() if id_ != 0]
        if first and 0 not in used and any(row.get("supercategory") == first["name"] for row in others):
            note = f"Category 0, {first['name']}, is the group of the others and has no objects: it is no class."
            if note not in self.notices:
                self.notices.append(note)
            return {id_: row for id_, row in rows.items() if id_ != 0}
        return rows


def _rows(where: str, rows: object) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or type(row.get("id")) is not int or not isinstance(row.get("name"), str):
            raise InputError(f"{where}: a category is not of the form {{id, name}}: {str(row)[:80]}. Correct it.")
        if row["id"] in found:
            raise InputError(f"{where}: two categories have the id {row['id']}. Give each its own.")
        found[row["id"]] = row
    return found


def _colors(colors: list[Any], classes: list[int], count: int) -> tuple[tuple[int, int, int], ...] | None:
    table = [(0, 0, 0)] * count
    for color, id_ in zip(colors, classes, strict=True):
        if not (isinstance(color, list) and len(color) == 3 and all(type(c) is int and 0 <= c <= 255 for c in color)):
            return None
        table[id_] = (color[0], color[1], color[2])
    return tuple(table)


def images_by_id(where: str, rows: object) -> dict[Any, dict[str, Any]]:
    """The records of the images."""
    found: dict[Any, dict[str, Any]] = {}
    for row in rows if isinstance(rows, list) else []:
        if not isinstance(row, dict) or not isinstance(row.get("id"), (int, str)) or "file_name" not in row:
            raise InputError(f"{where}: an image is not of the form {{id, file_name, width, height}}: {str(row)[:80]}.")
        if row["id"] in found:
            raise InputError(f"{where}: two images have the id {row['id']}. Give each its own.")
        found[row["id"]] = row
    if not found:
        raise InputError(f"{where}: lists no images. Export the labels again.")
    return found


def image_folders(source: Source, file: pathlib.Path) -> list[pathlib.Path]:
    """Where the images of a label file may lie, the likeliest first."""
    stem, root = file.stem, source.root
    word = stem.split("_", 1)[-1]
    split = split_of(source, file)
    folders: list[pathlib.Path] = []
    # annotations/instances_val2017.json lies beside val2017/, if the source is not the file alone.
    parents = [root] if file.parent == root else [file.parent, *[p for p in file.parents if p.is_relative_to(root)]]
    for parent in dict.fromkeys(parents):
        folders += [parent / word, parent / "images" / word]
        folders += [parent / "images" / split, parent / split / "images", parent / split] if split else []
        folders += [parent, parent / "images"]
    return list(dict.fromkeys(folders))


def records_by_image(
    where: str, images: dict[Any, dict[str, Any]], annotations: object
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """(image, its annotations) in the order of the images."""
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in annotations if isinstance(annotations, list) else []:
        id_ = row.get("image_id") if isinstance(row, dict) else None
        if not isinstance(id_, (int, str)) or id_ not in images:
            number = row.get("id") if isinstance(row, dict) else row
            raise InputError(
                f"{where}: annotation {number}: the image {id_!r} is not in the list of images. Remove it."
            )
        groups.setdefault(id_, []).append(row)
    for id_, image in images.items():
        yield image, groups.get(id_, [])
