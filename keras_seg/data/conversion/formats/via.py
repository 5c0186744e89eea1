"""VGG Image Annotator (VIA 1 and 2): JSON of a project or of its annotations, or CSV."""

import csv
import dataclasses
import functools
import io
import json
import pathlib
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.split_files import by_split
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages, LabeledObject, is_number, no_area
from keras_seg.data.conversion.polygons import ellipse_stamp, polygon_points, polygon_stamp, rectangle
from keras_seg.data.conversion.source import Source
from keras_seg.data.conversion.stamp import Stamp

_PROJECT = "_via_img_metadata"
_NO_AREA = ("polyline", "line", "point")
# What people call the attribute that holds the class, if there are several.
_CLASS_WORDS = ("class", "label", "category", "name", "type")
_ONLY = "object"


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Record:
    """The regions of an image, each a pair (shape, attributes)."""

    name: str
    where: str
    regions: tuple[tuple[dict[str, Any], dict[str, Any]], ...]


def _fits(content: Any) -> bool:
    if not isinstance(content, dict):
        return False
    first = next(iter(content.values()), None)
    return _PROJECT in content or (isinstance(first, dict) and "filename" in first and "regions" in first)


def _is_table(source: Source, file: pathlib.Path) -> bool:
    with open(file, "rb") as stream:
        return b"region_shape_attributes" in stream.read(1000)


def _files(source: Source) -> list[pathlib.Path]:
    found = [file for file in source.label_files(".json") if _fits(source.recognized_json(file))]
    return found + [file for file in source.label_files(".csv") if _is_table(source, file)]


def _recognize(source: Source) -> str | None:
    files = _files(source)
    return f"{source.name(files[0])} with filename and regions" if files else None


def _unusable(source: Source) -> str | None:
    for file in source.label_files(".json"):
        content = source.recognized_json(file)
        if isinstance(content, dict) and {"project", "metadata", "attribute"} <= content.keys():
            return f"{source.name(file)}: is a project of VIA 3, which is not read. Label images with VIA 2, or COCO."
    return None


def _read(source: Source) -> LabeledImages:
    missing = "no file holds filename and regions. Export the annotations of VIA again."
    files = by_split(source, source.required(_files(source), missing))
    records = {split: _records(source, file) for split, file in files.items()}
    regions = [pair for group in records.values() for record in group for pair in record.regions]
    key = _class_key([attributes for _, attributes in regions], source.name(next(iter(files.values()))))
    skipped: dict[str, int] = {}
    seen: dict[str, None] = {}
    for record in (record for group in records.values() for record in group):
        for number, (shape, attributes) in enumerate(record.regions, 1):
            if shape.get("name") in _NO_AREA:
                skipped[shape["name"]] = skipped.get(shape["name"], 0) + 1
            else:
                seen[_class_of(attributes, key, f"{record.where}: region {number}")] = None
    names, ids = class_ids(sorted(seen), source.shown)
    classes = dict(zip(sorted(seen), ids, strict=True))
    found = LabeledImages(names=names, images=iter(()), rule="later regions lie on top", notices=no_area(skipped))
    if key is None:
        found.notices.append(f"No region has attributes: the class of all is called {_ONLY}.")

    def images() -> Iterator[LabeledImage]:
        for split, file in files.items():
            for record in records[split]:
                # The name may be an address, or the path on another computer.
                last = record.name.replace("\\", "/").rsplit("/", 1)[-1] if "://" in record.name else record.name
                objects = []
                for number, (shape, attributes) in enumerate(record.regions, 1):
                    where = f"{record.where}: region {number}"
                    if shape.get("name") not in _NO_AREA:
                        id_ = classes[_class_of(attributes, key, where)]
                        objects.append(LabeledObject(id_=id_, draw=functools.partial(_stamp, shape, where)))
                yield LabeledImage(
                    image=source.first_file(last, [file.parent, file.parent / "images"], record.where),
                    name=last,
                    where=record.where,
                    split=split,
                    objects=objects,
                    annotated=bool(record.regions),
                )

    found.images = images()
    return found


def _records(source: Source, file: pathlib.Path) -> list[_Record]:
    name = source.name(file)
    rows = _table_rows(source, file) if file.suffix.lower() == ".csv" else _json_rows(source.json(file), name)
    found = []
    for filename, regions in rows:
        where = f"{name}: {filename!r}"
        if not isinstance(filename, str) or not isinstance(regions, list):
            raise InputError(f"{where}: has no filename or no regions. Export the annotations again.")
        for number, region in enumerate(regions, 1):
            if not isinstance(region, tuple) or not all(isinstance(part, dict) for part in region):
                raise InputError(f"{where}: region {number}: has no shape or no attributes. Export it again.")
        found.append(_Record(name=filename, where=where, regions=tuple(regions)))
    twice = [image for image, count in Counter(record.name for record in found).items() if count > 1]
    if twice:
        raise InputError(f"{name}: lists {twice[0]!r} twice. Remove one of the two records.")
    if not found:
        raise InputError(f"{name}: lists no images. Export the annotations again.")
    return found


def _json_rows(content: Any, name: str) -> Iterator[tuple[Any, Any]]:
    records = content.get(_PROJECT, content)
    if not isinstance(records, dict):
        raise InputError(f"{name}: {_PROJECT} is not an object. Export the annotations again.")
    for record in records.values():
        record = record if isinstance(record, dict) else {}
        regions = record.get("regions")
        # VIA 1 numbers the regions: {"0": region, "1": region}.
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        if isinstance(regions, list):
            regions = [
                (region.get("shape_attributes"), region.get("region_attributes", {}))
                if isinstance(region, dict)
                else region
                for region in regions
            ]
        yield record.get("filename"), regions


def _table_rows(source: Source, file: pathlib.Path) -> Iterator[tuple[Any, Any]]:
    images: dict[str, list] = {}
    number = 1
    try:
        for row in csv.DictReader(io.StringIO(source.text(file).lstrip("#"))):
            number += 1
            regions = images.setdefault(row["filename"], [])
            shape = json.loads(row["region_shape_attributes"] or "{}")
            if shape:
                regions.append((shape, json.loads(row["region_attributes"] or "{}")))
    except (csv.Error, KeyError, TypeError, ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        reason = " ".join(str(error).split())[:80]
        raise InputError(f"{source.name(file)}: row {number} is not VIA's ({reason}). Export it again.") from error
    yield from images.items()


def _class_key(attributes: Sequence[dict[str, Any]], where: str) -> str | None:
    """The attribute that holds the class: the only one, or the one that is called so."""
    keys = sorted({key for row in attributes for key, value in row.items() if value not in ("", None, {})})
    if len(keys) < 2:
        return keys[0] if keys else None
    named = [word for word in _CLASS_WORDS if word in [key.lower() for key in keys]]
    if not named:
        raise InputError(
            f"{where}: regions have the attributes {', '.join(map(repr, keys[:6]))}, and one must hold the class. "
            "Rename that one to 'class' in VIA, and export again."
        )
    return next(key for key in keys if key.lower() == named[0])


def _class_of(attributes: dict[str, Any], key: str | None, where: str) -> str:
    if key is None:
        return _ONLY
    value = attributes.get(key)
    if isinstance(value, dict):  # Check boxes.
        chosen = [name for name, checked in value.items() if checked]
        if len(chosen) > 1:
            raise InputError(f"{where}: {key!r} has {len(chosen)} values, and a mask holds one. Keep one.")
        value = chosen[0] if chosen else None
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{where}: the attribute {key!r} has no value. Set it in VIA, or remove the region.")
    return value.strip()


def _stamp(shape: dict[str, Any], where: str, height: int, width: int) -> Stamp:
    def number(key: str, default: float | None = None) -> float:
        value = shape.get(key, default)
        if not is_number(value):
            raise InputError(f"{where}: {key} is {str(value)[:40]}, and must be a number. Export it again.")
        return float(value)

    kind = shape.get("name")
    if kind == "polygon":
        columns = [shape.get("all_points_x"), shape.get("all_points_y")]
        lengths = {len(column) if isinstance(column, list) else None for column in columns}
        if None in lengths or len(lengths) > 1:
            raise InputError(f"{where}: all_points_x and all_points_y are not equally long lists. Export it again.")
        return polygon_stamp([polygon_points(list(zip(*columns, strict=True)), where)], height, width, where=where)
    if kind == "rect":
        left, top = number("x"), number("y")
        corners = rectangle(left, top, left + number("width"), top + number("height"))
        return polygon_stamp([corners], height, width, where=where)
    if kind == "circle":
        return ellipse_stamp((number("cx"), number("cy")), (number("r"), number("r")), height, width)
    if kind == "ellipse":
        radii, turn = (number("rx"), number("ry")), number("theta", 0.0)
        return ellipse_stamp((number("cx"), number("cy")), radii, height, width, degrees=float(np.rad2deg(turn)))
    raise InputError(f"{where}: the shape {kind!r} is unknown. Draw it as a polygon.")


FORMAT = Format(
    name="via",
    signs="a JSON or CSV file of VIA with filename and regions",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
    unusable=_unusable,
)
