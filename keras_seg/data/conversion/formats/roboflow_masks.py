"""Roboflow's "Semantic Segmentation Masks": image, mask and _classes.csv in one folder."""

import csv
import pathlib
from collections.abc import Iterator

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.split_files import by_split
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file
from keras_seg.data.index.background import is_background

_TABLE = "_classes.csv"
_ENDING = "_mask"


def _tables(source: Source) -> list[pathlib.Path]:
    """The tables of classes, here and in the folders."""
    if source.file:
        return []
    return [folder / _TABLE for folder in (source.root, *source.folders().values()) if is_file(folder / _TABLE)]


def _recognize(source: Source) -> str | None:
    for table in _tables(source):
        if any(file.stem.endswith(_ENDING) for file in source.files(table.parent, (".png",))):
            return source.name(table)
    return None


def _read(source: Source) -> LabeledImages:
    missing = f"has no {_TABLE}, here or in train/. Export it again from Roboflow."
    files = by_split(source, source.required(_tables(source), missing), kind="folder")
    folders = {split: file.parent for split, file in files.items()}
    tables = {split: _table(source, folder) for split, folder in folders.items()}
    first = next(iter(tables))
    for split, table in tables.items():
        if table != tables[first]:
            name = source.name(folders[split] / _TABLE)
            raise InputError(
                f"{name}: differs from {source.name(folders[first] / _TABLE)}. Export the splits together."
            )
    values = tables[first]
    # 0 is the background, which Roboflow lists as a class.
    named = {value: name for value, name in values.items() if value != 0 or not is_background(name)}
    where = source.name(folders[first] / _TABLE)
    if 0 in named:
        raise InputError(f"{where}: the value 0 is {named[0]!r}, and must be background. Correct the table.")
    names, ids = class_ids(list(named.values()), where)
    classes = {0: 0, **dict(zip(named, ids, strict=True))}
    found = LabeledImages(names=names, images=iter(()), has_objects=False)

    def images() -> Iterator[LabeledImage]:
        for split, folder in folders.items():
            files = source.files(folder)
            masks = [file for file in files if file.stem.endswith(_ENDING) and file.suffix.lower() == ".png"]
            taken = set(masks)
            files = [file for file in files if file not in taken]
            yield from mask_folders.images_of(source, found, files, masks, split=split, read=classes, ending=_ENDING)

    found.images = images()
    return found


def _table(source: Source, folder: pathlib.Path) -> dict[int, str]:
    path = source.inside(_TABLE, folder, source.shown)
    rows = [[cell.strip() for cell in row] for row in csv.reader(source.text(path).splitlines())]
    if not rows or [cell.lower() for cell in rows[0][:2]] != ["pixel value", "class"]:
        raise InputError(f"{source.name(path)}: does not begin with the row Pixel Value, Class. Export it again.")
    table: dict[int, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) != 2 or not row[0].isdecimal() or int(row[0]) in table:
            raise InputError(f"{source.name(path)}, line {number}: is not a new pixel value and a class: {row}.")
        table[int(row[0])] = row[1]
    return table


FORMAT = Format(
    name="roboflow-masks",
    signs="_classes.csv beside images and their _mask.png",
    recognize=_recognize,
    read=_read,
    misread=True,
)
