"""Supervisely: ds/img and ds/ann with a JSON file per image, and meta.json."""

import base64
import binascii
import functools
import io
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.supervisely_project import Project, project
from keras_seg.data.conversion.labeled_image import (
    MAX_PIXELS,
    LabeledImage,
    LabeledImages,
    LabeledObject,
    checked_size,
    no_area,
)
from keras_seg.data.conversion.polygons import polygon_points, polygon_stamp, rectangle
from keras_seg.data.conversion.source import Source, is_file
from keras_seg.data.conversion.stamp import Stamp, placed
from keras_seg.data.index.unicode_names import nfc

_AREAS = ("polygon", "rectangle", "bitmap")
_NO_AREA = ("line", "point", "graph", "polyline", "cuboid")


def _project(source: Source) -> Project | None:
    if source.file or not is_file(source.root / "meta.json"):
        return None
    return project(source, lambda folder: (folder / "img").is_dir() and (folder / "ann").is_dir())


def _recognize(source: Source) -> str | None:
    found = _project(source)
    return f"meta.json and {source.name(found.folders[0] / 'ann')}/" if found else None


def _read(source: Source) -> LabeledImages:
    project_ = source.required(_project(source), "has no meta.json with folders img/ and ann/. Export it again.")
    meta = source.json(source.inside("meta.json", source.root, source.shown))
    rows = meta.get("classes") if isinstance(meta, dict) else None
    if not isinstance(rows, list) or not all(
        isinstance(row, dict) and isinstance(row.get("title"), str) for row in rows
    ):
        raise InputError("meta.json: must hold classes with a title each. Export the project again.")
    names, ids = class_ids([row["title"] for row in rows], "meta.json")
    classes = {row["title"]: id_ for row, id_ in zip(rows, ids, strict=True)}
    found = LabeledImages(names=names, images=iter(()), rule="later objects lie on top")
    skipped: dict[str, int] = {}

    def images() -> Iterator[LabeledImage]:
        for folder in project_.folders:
            files = {nfc(file.name): file for file in source.files(folder / "img")}
            for label in source.files(folder / "ann", (".json",)):
                where, content = source.name(label), source.json(label)
                size = content.get("size") if isinstance(content, dict) else None
                objects = content.get("objects") if isinstance(content, dict) else None
                if not isinstance(size, dict) or not isinstance(objects, list):
                    raise InputError(f"{where}: must hold size and objects. Export the project again.")
                name = label.name.removesuffix(".json")
                yield LabeledImage(
                    image=files.pop(nfc(name), None),
                    name=project_.image_name(folder, name),
                    where=where,
                    split=project_.split(folder),
                    size=checked_size(size.get("height"), size.get("width"), where),
                    objects=list(_objects(objects, classes, where, skipped)),
                )
            found.left_out += [source.name(file) for file in files.values()]
        found.notices.extend(no_area(skipped))

    found.images = images()
    return found


def _objects(rows: list[Any], classes: dict[str, int], where: str, skipped: dict[str, int]) -> Iterator[LabeledObject]:
    for number, row in enumerate(rows, 1):
        record = f"{where}: object {number}"
        kind = row.get("geometryType") if isinstance(row, dict) else None
        if kind in _NO_AREA:
            skipped[kind] = skipped.get(kind, 0) + 1
            continue
        if kind not in _AREAS:
            raise InputError(f"{record}: the type {kind!r} is unknown. Draw it as a polygon.")
        if row.get("classTitle") not in classes:
            raise InputError(f"{record}: the class {row.get('classTitle')!r} is not in meta.json. Add it.")
        yield LabeledObject(id_=classes[row["classTitle"]], draw=functools.partial(_stamp, row, record))


def _stamp(row: dict[str, Any], where: str, height: int, width: int) -> Stamp:
    if row["geometryType"] == "bitmap":
        return _bitmap_stamp(row.get("bitmap"), where, height, width)
    points = row.get("points")
    if not isinstance(points, dict):
        raise InputError(f"{where}: has no points. Export the project again.")
    outer = polygon_points(points.get("exterior"), where)
    if row["geometryType"] == "rectangle":
        if outer.shape != (2, 2):
            raise InputError(f"{where}: a rectangle has two points. Draw it again.")
        (left, top), (right, bottom) = outer.tolist()
        return polygon_stamp([rectangle(left, top, right, bottom)], height, width, where=where)
    holes = [polygon_points(ring, where) for ring in points.get("interior") or []]
    return polygon_stamp([outer], height, width, holes=holes, where=where)


def _bitmap_stamp(bitmap: Any, where: str, height: int, width: int) -> Stamp:
    try:
        left, top = (int(value) for value in bitmap["origin"])
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(bitmap["data"], validate=True), MAX_PIXELS)
        with Image.open(io.BytesIO(data)) as image:
            inside = np.array(image.getchannel("A") if image.mode == "RGBA" else image.convert("L")) > 0
    except (
        binascii.Error, zlib.error, ValueError, TypeError, KeyError, OSError, OverflowError, SyntaxError,
        Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise InputError(
            f"{where}: the bitmap is not a compressed PNG file with an origin. Export it again."
        ) from error
    return placed(inside, (left, top), height, width)


FORMAT = Format(
    name="supervisely",
    signs="meta.json, and folders with img/ and ann/",
    recognize=_recognize,
    read=_read,
    misread=True,
)
