"""CVAT for images 1.1: one XML file, or one per split."""

import dataclasses
import functools
import math
import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.split_files import by_split
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages, LabeledObject, checked_size, no_area
from keras_seg.data.conversion.polygons import ellipse_stamp, polygon_points, polygon_stamp, rectangle
from keras_seg.data.conversion.run_lengths import row_runs_stamp
from keras_seg.data.conversion.source import Source, split_in
from keras_seg.data.conversion.stamp import Stamp

_AREAS = ("polygon", "box", "ellipse", "mask")
_NO_AREA = ("polyline", "points", "cuboid", "skeleton")
_MAX_XML = 1_000_000_000


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Task:
    """What an XML file holds.

    Args:
        file: the file.
        where: what messages call it.
        split: the split that its name or folder names.
        listed: the labels of its list, with their colors.
        used: the labels that occur.
        skipped: how many shapes have no area, by type.
        subsets: the subsets of its images.
    """

    file: pathlib.Path
    where: str
    split: str | None
    listed: dict[str, str | None]
    used: set[str]
    skipped: dict[str, int]
    subsets: set[str]

    def split_of(self, subset: str) -> str | None:
        """The split of an image: that of its subset if there are several and each has one, else that of the file."""
        divided = len(self.subsets) > 1 and all(map(split_in, self.subsets))
        return split_in(subset) if divided else self.split


def _files(source: Source) -> list[pathlib.Path]:
    return [file for file in source.label_files(".xml") if _holds_annotations(file)]


def _holds_annotations(file: pathlib.Path) -> bool:
    with open(file, "rb") as stream:
        return b"<annotations" in stream.read(4096)


def _recognize(source: Source) -> str | None:
    files = _files(source)
    return f"{source.name(files[0])} with annotations" if files else None


def _read(source: Source) -> LabeledImages:
    missing = "no XML file holds annotations. Export as CVAT for images 1.1."
    files = by_split(source, source.required(_files(source), missing))
    tasks = [_survey(file, source.name(file), split) for split, file in files.items()]
    listed = _listed(tasks)
    labels = list(listed) or sorted({label for task in tasks for label in task.used})
    names, ids = class_ids(labels, tasks[0].where)
    classes = dict(zip(labels, ids, strict=True))
    found = LabeledImages(
        names=names,
        colors=_colors(listed, classes, len(names)),
        images=iter(()),
        rule="objects of a higher z_order lie on top, then later ones",
    )
    skipped: Counter[str] = Counter()
    for task in tasks:
        if unknown := sorted(task.used - classes.keys()):
            raise InputError(
                f"{task.where}: the label {unknown[0]!r} is not in the list of labels. Export the task again."
            )
        skipped.update(task.skipped)
    found.notices += no_area(skipped)

    def images() -> Iterator[LabeledImage]:
        for task in tasks:
            yield from _images(source, task, classes)

    found.images = images()
    return found


def _listed(tasks: Sequence[_Task]) -> dict[str, str | None]:
    """The list of labels, with their colors: that of the first file, from which no other may differ."""
    first = tasks[0]
    for task in tasks[1:]:
        if task.listed.keys() != first.listed.keys():
            raise InputError(
                f"{task.where}: has other labels than {first.where}. Export both with the same labels, or convert them "
                "one by one."
            )
    return first.listed


def _images(source: Source, task: _Task, classes: dict[str, int]) -> Iterator[LabeledImage]:
    """The images of a file."""
    folder = task.file.parent
    for image in _elements(task.file, task.where, "image"):
        name, subset = image.get("name"), image.get("subset") or ""
        record = f"{task.where}: image {name!r}"
        size = checked_size(_number(image, "height", record), _number(image, "width", record), record)
        bases = [folder / "images", folder / "images" / subset, folder]
        yield LabeledImage(
            image=source.first_file(name, bases, record),
            name=str(name),
            where=record,
            split=task.split_of(subset),
            size=size,
            objects=_objects(image, classes, record),
            annotated=any(child.tag in (*_AREAS, "tag") for child in image),
        )


def _elements(file: pathlib.Path, where: str, *tags: str) -> Iterator[Any]:
    """The elements of these tags, one by one; each is emptied afterwards."""
    parser = _validation.optional_import("defusedxml.ElementTree", "convert", "CVAT's XML")
    if file.stat().st_size > _MAX_XML:
        raise InputError(
            f"{where}: has {file.stat().st_size / 1e9:.1f} GB, and 1 GB is the most that is read. Divide it."
        )
    try:
        for _, element in parser.iterparse(str(file), forbid_dtd=True):
            if element.tag in tags:
                yield element
                element.clear()
    except InputError:
        raise
    # Entities and document types are refused by ValueErrors, wrong XML by a SyntaxError.
    except (ValueError, SyntaxError) as error:
        raise InputError(f"{where}: is not plain XML ({' '.join(str(error).split())}). Export it again.") from error


def _survey(file: pathlib.Path, where: str, split: str | None) -> _Task:
    """What a file holds, read to its end."""
    listed: dict[str, str | None] = {}
    used: set[str] = set()
    skipped: dict[str, int] = {}
    subsets: set[str] = set()
    for element in _elements(file, where, "label", "image", "track"):
        if element.tag == "track":
            raise InputError(
                f"{where}: holds tracks of a video. Export as CVAT for images 1.1, which has single images."
            )
        if element.tag == "label":
            name = (element.findtext("name") or "").strip()
            if name and element.findtext("parent") is None:
                listed[name] = element.findtext("color")
            continue
        subsets.add(element.get("subset") or "")
        for shape in element:
            if shape.tag in _AREAS:
                used.add((shape.get("label") or "").strip())
            elif shape.tag in _NO_AREA:
                skipped[shape.tag] = skipped.get(shape.tag, 0) + 1
            elif shape.tag != "tag":
                raise InputError(
                    f"{where}: image {element.get('name')!r}: the shape {shape.tag!r} is unknown. Remove it."
                )
    return _Task(file=file, where=where, split=split, listed=listed, used=used, skipped=skipped, subsets=subsets)


def _colors(
    listed: dict[str, str | None], classes: dict[str, int], count: int
) -> tuple[tuple[int, int, int], ...] | None:
    table = [(0, 0, 0)] * count
    for name, color in listed.items():
        try:
            value = int((color or "").removeprefix("#"), 16)
        except ValueError:
            return None
        table[classes[name]] = (value >> 16 & 255, value >> 8 & 255, value & 255)
    return tuple(table) if listed else None


def _objects(image: Any, classes: dict[str, int], where: str) -> list[LabeledObject]:
    shapes = []
    for number, shape in enumerate(image, 1):
        if shape.tag in _AREAS:
            record = f"{where}: shape {number} ({shape.tag})"
            order = _number(shape, "z_order", record, default=0)
            facts = (shape.tag, dict(shape.attrib), record)
            label = (shape.get("label") or "").strip()
            shapes.append((order, LabeledObject(id_=classes[label], draw=functools.partial(_stamp, facts))))
    return [item for _, item in sorted(shapes, key=lambda pair: pair[0])]


def _number(element: Any, key: str, where: str, *, default: float | None = None) -> float:
    text = element.get(key)
    if text is None and default is not None:
        return default
    try:
        value = float(str(text))
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: {key} is {text!r}, and must be a number. Export the task again.") from error
    if not math.isfinite(value):
        raise InputError(f"{where}: {key} is {text!r}, and must be a number. Export the task again.")
    return value


def _stamp(facts: tuple[str, dict[str, str], str], height: int, width: int) -> Stamp:
    tag, values, where = facts

    def number(key: str, default: float | None = None) -> float:
        return _number(values, key, where, default=default)

    if tag == "mask":
        box = [number(key) for key in ("left", "top", "width", "height")]
        try:
            runs = [int(word) for word in values.get("rle", "").split(",")]
            left, top, columns, rows = (int(value) for value in box)
        except ValueError as error:
            raise InputError(f"{where}: rle is not a list of whole numbers. Export the task again.") from error
        return row_runs_stamp(runs, (left, top, columns, rows), height, width, where=where)
    if tag == "ellipse":
        center, radii = (number("cx"), number("cy")), (number("rx"), number("ry"))
        return ellipse_stamp(center, radii, height, width, degrees=number("rotation", 0.0))
    if tag == "box":
        left, top, right, bottom = (number(key) for key in ("xtl", "ytl", "xbr", "ybr"))
        corners = rectangle(left, top, right, bottom)
        turn = math.radians(number("rotation", 0.0))
        middle = corners.mean(0)
        # Clockwise, as y points down.
        turned = (corners - middle) @ np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
        return polygon_stamp([turned + middle], height, width, where=where)
    pairs = [pair.split(",") for pair in values.get("points", "").split(";")]
    return polygon_stamp([polygon_points(pairs, where)], height, width, where=where)


FORMAT = Format(
    name="cvat",
    signs="annotations.xml (CVAT for images 1.1)",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
)
