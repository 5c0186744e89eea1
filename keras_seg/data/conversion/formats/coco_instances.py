"""COCO's instances: polygons and run lengths per object, also as Roboflow exports them."""

import functools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import coco_files
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.split_files import by_split
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages, LabeledObject, checked_size
from keras_seg.data.conversion.polygons import polygon_points, polygon_stamp, rectangle
from keras_seg.data.conversion.run_lengths import column_runs_stamp
from keras_seg.data.conversion.source import Source
from keras_seg.data.conversion.stamp import Stamp


def _fits(content: Any) -> bool:
    if not isinstance(content, dict) or not all(isinstance(content.get(key), list) for key in _LISTS):
        return False
    rows = content["annotations"]
    return not rows or (isinstance(rows[0], dict) and "category_id" in rows[0])


_LISTS = ("images", "annotations", "categories")

# Lines about the records that are no usual objects, by their kind.
_NOTICES = {
    "box": "{} objects have a box and no outline: the pixels of their boxes that no other object covers are ignored.",
    "crowd": "{} objects are crowds (iscrowd): their pixels that no other object covers are ignored.",
    "mask": "{} objects are marked as crowds (iscrowd), as CVAT marks every mask: they are read as objects.",
}


def _recognize(source: Source) -> str | None:
    files = coco_files.label_files(source, _fits)
    return f"{source.name(files[0])} with images, annotations, categories" if files else None


def _read(source: Source) -> LabeledImages:
    files = by_split(source, coco_files.label_files(source, _fits) or _refuse(source))
    categories = coco_files.Categories(source, list(files.values()))
    found = LabeledImages(
        names=categories.names,
        colors=categories.colors,
        images=iter(()),
        large_first=True,
        rule="smaller objects lie on top",
        notices=categories.notices,
    )

    def images() -> Iterator[LabeledImage]:
        kinds: Counter[str] = Counter()
        for split, file in files.items():
            content, name = source.json(file), source.name(file)
            folders = coco_files.image_folders(source, file)
            records = coco_files.images_by_id(name, content["images"])
            for image, rows in coco_files.records_by_image(name, records, content["annotations"]):
                where = f"{name}: image {image['id']}"
                path = source.first_file(image["file_name"], folders, where)
                size = checked_size(image.get("height"), image.get("width"), where)
                kinds.update(map(_kind, rows))
                yield LabeledImage(
                    image=path,
                    name=image["file_name"],
                    where=where,
                    split=split,
                    size=size,
                    objects=[_object(row, categories, name) for row in rows],
                    annotated=bool(rows),
                )
        found.notices.extend(line.format(kinds[kind]) for kind, line in _NOTICES.items() if kinds[kind])

    found.images = images()
    return found


def _refuse(source: Source) -> Any:
    reason = (
        source.problems[0] if source.problems else f"{source.shown}: no JSON file has images, annotations, categories."
    )
    raise InputError(reason)


def _kind(row: dict[str, Any]) -> str:
    """What a record is: an "object", a "box" without an outline, a "crowd" of objects, or a "mask" of CVAT.

    CVAT writes masks as run lengths with iscrowd=1, whatever they show. Its records are known by their attributes.
    """
    if not row.get("segmentation"):
        return "box"
    if not row.get("iscrowd"):
        return "object"
    attributes = row.get("attributes")
    return "mask" if isinstance(attributes, dict) and "occluded" in attributes else "crowd"


def _object(row: dict[str, Any], categories: coco_files.Categories, name: str) -> LabeledObject:
    where = f"{name}: annotation {row.get('id')}"
    id_ = categories.class_of(row.get("category_id"), where)
    if row.get("iscrowd") not in (None, 0, 1, False, True):
        raise InputError(f"{where}: iscrowd is {row['iscrowd']!r}, and must be 0 or 1. Correct it.")
    ignored = _kind(row) in ("box", "crowd")
    return LabeledObject(id_=VOID if ignored else id_, draw=functools.partial(_stamp, row, where))


def _stamp(row: dict[str, Any], where: str, height: int, width: int) -> Stamp:
    outline = row.get("segmentation")
    if isinstance(outline, dict):
        size = outline.get("size")
        if not isinstance(size, list) or size != [height, width]:
            raise InputError(
                f"{where}: the run lengths are of size {size}, and the image is [{height}, {width}] (height, width). "
                "Export the labels again."
            )
        return column_runs_stamp(outline.get("counts"), height, width, where=where)
    if not outline:
        box = polygon_points(row.get("bbox"), where)
        if box.shape != (2, 2):
            raise InputError(f"{where}: has neither segmentation nor bbox. Label its outline, or remove it.")
        (left, top), (columns, rows) = box.tolist()
        return polygon_stamp([rectangle(left, top, left + columns, top + rows)], height, width, where=where)
    if not isinstance(outline, list):
        raise InputError(f"{where}: the segmentation is neither polygons nor run lengths. Export the labels again.")
    flat = isinstance(outline[0], (int, float))
    rings = [polygon_points(ring, where) for ring in ([outline] if flat else outline)]
    return polygon_stamp([ring for ring in rings if len(ring)] or [np.empty((0, 2))], height, width, where=where)


FORMAT = Format(
    name="coco",
    signs="a JSON file with images, annotations and categories, such as annotations/instances_train2017.json or "
    "_annotations.coco.json",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
)
