"""LabelMe: one JSON file beside each image."""

import base64
import binascii
import functools
import io
import math
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import (
    VOID,
    LabeledImage,
    LabeledImages,
    LabeledObject,
    checked_size,
    no_area,
)
from keras_seg.data.conversion.polygons import ellipse_stamp, polygon_points, polygon_stamp, rectangle
from keras_seg.data.conversion.source import Source, is_file, place, split_in
from keras_seg.data.conversion.stamp import Stamp, joined, placed
from keras_seg.data.index.unicode_names import nfc

_NO_AREA = ("line", "linestrip", "point", "points")
_IGNORED = "__ignore__"


def _fits(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("shapes"), list) and "imagePath" in content


def _recognize(source: Source) -> str | None:
    files = source.label_files(".json")
    found = next((file for file in files[:40] if _fits(source.recognized_json(file))), None)
    return f"{source.name(found)} with shapes and imagePath" if found else None


def _read(source: Source) -> LabeledImages:
    files = [source.file] if source.file else list(source.tree(source.root, (".json",)))
    seen: dict[str, None] = {}
    skipped: dict[str, int] = {}
    labels = []
    for file in files:
        content = source.json(file)
        if not _fits(content):
            continue
        labels.append(file)
        for number, shape in enumerate(content["shapes"], 1):
            where = f"{source.name(file)}: shape {number}"
            if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
                raise InputError(f"{where}: has no label. Give it one in LabelMe, or remove it.")
            kind = shape.get("shape_type", "polygon")
            if kind in _NO_AREA:
                skipped[kind] = skipped.get(kind, 0) + 1
            elif shape["label"] != _IGNORED:
                seen[shape["label"].strip()] = None
    if not labels:
        raise InputError(f"{source.shown}: no JSON file has shapes and imagePath. Check the format.")
    listed, origin = _listed(source, list(seen))
    names, ids = class_ids(listed, origin)
    classes = {_IGNORED: VOID, **dict(zip(listed, ids, strict=True))}
    unknown = [name for name in seen if name not in classes]
    if unknown:
        raise InputError(f"{origin}: does not list the label {unknown[0]!r}. Add it, or rename it in LabelMe.")
    partners: set[pathlib.Path] = set()
    splits = _splits(source, labels)
    found = LabeledImages(names=names, images=iter(()), rule="later shapes lie on top")
    found.notices += no_area(skipped)

    def images() -> Iterator[LabeledImage]:
        for file in labels:
            content, where = source.json(file), source.name(file)
            size = None
            if content.get("imageHeight") is not None or content.get("imageWidth") is not None:
                size = checked_size(content.get("imageHeight"), content.get("imageWidth"), where)
            path = _image(source, file, content["imagePath"], where)
            if path:
                partners.add(place(path))
            yield LabeledImage(
                image=path,
                name=file.relative_to(source.root).with_suffix("").as_posix(),
                where=where,
                split=splits[file],
                size=size,
                objects=_objects(content["shapes"], classes, where),
            )
        if not source.file:
            folders = {file.parent for file in labels}
            beside = [image for folder in sorted(folders) for image in source.files(folder)]
            lone = [image for image in beside if place(image) not in partners]
            found.left_out += [source.name(image) for image in lone]

    found.images = images()
    return found


def _splits(source: Source, labels: Sequence[pathlib.Path]) -> dict[pathlib.Path, str | None]:
    """The split of each label file by the nearest folder that names one; None for all unless each has one.

    Beside car/ and bus/, the folder train/ is no split.
    """
    folders = {file: file.relative_to(source.root).parts[-2::-1] for file in labels}
    found = {file: next(filter(None, map(split_in, names)), None) for file, names in folders.items()}
    return found if all(found.values()) else dict.fromkeys(labels)


def _image(source: Source, file: pathlib.Path, name: Any, where: str) -> pathlib.Path | None:
    """The image by its name beside the label file: the path may be that of another computer."""
    last = str(name).replace("\\", "/").rsplit("/", 1)[-1]
    outside = ":" in str(name) or str(name).startswith(("/", "\\"))
    tries = [last] if outside else [str(name), last]
    for one in tries:
        if one not in ("", ".", "..") and (path := source.first_file(one, [file.parent], where)):
            return path
    return next(
        (path for path in source.files(file.parent) if nfc(path.stem) == nfc(file.stem) and is_file(path)), None
    )


def _listed(source: Source, seen: list[str]) -> tuple[list[str], str]:
    """The names in labels.txt, or those that occur, sorted."""
    path = source.root / "labels.txt"
    if not is_file(path):
        return sorted(seen), source.shown
    path = source.inside("labels.txt", source.root, source.shown)
    lines = [line.strip() for line in source.text(path).splitlines() if line.strip()]
    return [line for line in lines if line != _IGNORED], source.name(path)


def _objects(shapes: list[dict[str, Any]], classes: dict[str, int], where: str) -> list[LabeledObject]:
    """The objects: shapes of one group and label are one."""
    groups: dict[Any, list[tuple[int, dict[str, Any]]]] = {}
    for number, shape in enumerate(shapes, 1):
        if shape.get("shape_type", "polygon") in _NO_AREA:
            continue
        group = shape.get("group_id")
        key = number if group is None else (str(group), shape["label"])
        groups.setdefault(key, []).append((number, shape))
    # A group is painted where its last shape stands.
    order = sorted(groups.values(), key=lambda group: group[-1][0])
    return [
        LabeledObject(id_=classes[group[0][1]["label"].strip()], draw=functools.partial(_stamp, group, where))
        for group in order
    ]


def _stamp(group: list[tuple[int, dict[str, Any]]], where: str, height: int, width: int) -> Stamp:
    stamps = [_shape_stamp(shape, f"{where}: shape {number}", height, width) for number, shape in group]
    return joined(stamps, height, width)


def _shape_stamp(shape: dict[str, Any], where: str, height: int, width: int) -> Stamp:
    kind = shape.get("shape_type", "polygon")
    points = polygon_points(shape.get("points"), where)
    if kind in ("polygon", "oriented_rectangle"):
        return polygon_stamp([points], height, width, where=where)
    if kind not in ("rectangle", "circle", "mask"):
        raise InputError(f"{where}: the type {kind!r} is not one of LabelMe's. Draw it as a polygon.")
    if len(points) != 2:
        raise InputError(f"{where}: a {kind} has two points, and this one has {len(points)}. Draw it again.")
    (x0, y0), (x1, y1) = points.tolist()
    if kind == "rectangle":
        return polygon_stamp([rectangle(x0, y0, x1, y1)], height, width, where=where)
    if kind == "circle":
        radius = math.hypot(x1 - x0, y1 - y0)
        return ellipse_stamp((x0, y0), (radius, radius), height, width)
    inside = _mask_pixels(shape.get("mask"), where)
    # The two points are the first and the last pixel of the box.
    top, left = round(min(y0, y1)), round(min(x0, x1))
    if inside.shape != (round(abs(y1 - y0)) + 1, round(abs(x1 - x0)) + 1):
        raise InputError(f"{where}: the mask is {inside.shape[0]}x{inside.shape[1]}, unlike its box. Draw it again.")
    return placed(inside, (left, top), height, width)


def _mask_pixels(text: Any, where: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(base64.b64decode(text, validate=True))) as image:
            return np.array(image.convert("L")) > 0
    except (binascii.Error, ValueError, TypeError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{where}: the mask is not a PNG file in base64. Draw it again.") from error


FORMAT = Format(
    name="labelme",
    signs="a JSON file with shapes and imagePath beside each image",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
)
