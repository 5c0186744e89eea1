"""COCO's panoptic labels: PNG files whose colors number the segments."""

import functools
import pathlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_seg._decoding.decode import file_facts
from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import coco_files
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.split_files import by_split
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages, checked_size
from keras_seg.data.conversion.source import Source
from keras_seg.data.index.reading import read_image


def _fits(content: Any) -> bool:
    if not isinstance(content, dict) or not isinstance(content.get("categories"), list):
        return False
    rows = content.get("annotations")
    return bool(isinstance(rows, list) and rows and isinstance(rows[0], dict) and "segments_info" in rows[0])


def _recognize(source: Source) -> str | None:
    files = coco_files.label_files(source, _fits)
    return f"{source.name(files[0])} with segments_info" if files else None


def _read(source: Source) -> LabeledImages:
    files = coco_files.label_files(source, _fits)
    if not files:
        raise InputError(f"{source.shown}: no JSON file has annotations with segments_info. Check the format.")
    splits = by_split(source, files)
    categories = _PanopticCategories(source, files)

    def images() -> Iterator[LabeledImage]:
        for split, file in splits.items():
            content, name = source.json(file), source.name(file)
            records = coco_files.images_by_id(name, content.get("images"))
            folders = coco_files.image_folders(source, file)
            for image, rows in coco_files.records_by_image(name, records, content["annotations"]):
                where = f"{name}: image {image['id']}"
                if len(rows) != 1:
                    raise InputError(f"{where}: has {len(rows)} annotations, and needs one. Export the labels again.")
                labels = source.first_file(rows[0].get("file_name"), _mask_folders(file), where)
                if labels is None:
                    raise InputError(
                        f"{where}: the mask {rows[0].get('file_name')!r} is missing. Unpack it to {file.stem}/."
                    )
                read = functools.partial(_maps, labels, rows[0].get("segments_info"), categories, where)
                yield LabeledImage(
                    image=source.first_file(image["file_name"], [f for f in folders if f != labels.parent], where),
                    name=image["file_name"],
                    where=where,
                    split=split,
                    size=checked_size(image.get("height"), image.get("width"), where),
                    mask=lambda read=read: read()[0],
                    instances=lambda read=read: read()[1],
                )

    return LabeledImages(names=categories.names, colors=categories.colors, notices=categories.notices, images=images())


class _PanopticCategories(coco_files.Categories):
    """Categories of segments, of which some are things: objects that are counted."""

    def is_thing(self, id_: Any) -> bool:
        """Whether segments of the category are objects."""
        return bool(self.rows[id_].get("isthing", 1))


def _mask_folders(file: pathlib.Path) -> list[pathlib.Path]:
    return [file.parent / file.stem, file.parent]


def _maps(
    path: pathlib.Path, segments: Any, categories: _PanopticCategories, where: str
) -> tuple[np.ndarray, np.ndarray]:
    """The classes and the numbers of the objects of the pixels."""
    facts = file_facts(path, "mask")
    if facts.mode not in ("RGB", "RGBA") or facts.bits != 8:
        kind = f"{facts.mode}, {facts.bits} bits"
        raise InputError(f"{where}: {path.name} is not an RGB image of 8 bits ({kind}). Use the file of the release.")
    # Red + 256 green + 65536 blue; 0 is void.
    number = (read_image(path).astype("int64") * [1, 256, 65536]).sum(-1)
    found, inverse = np.unique(number, return_inverse=True)
    classes, objects = {0: VOID}, {0: VOID}
    if not isinstance(segments, list):
        raise InputError(f"{where}: segments_info is missing or not a list. Export the labels again.")
    for row in segments:
        id_ = row.get("id") if isinstance(row, dict) else None
        if not isinstance(id_, int) or id_ in classes:
            raise InputError(f"{where}: the segment id {id_!r} is missing or occurs twice. Export the labels again.")
        class_ = categories.class_of(row.get("category_id"), f"{where}: segment {id_}")
        crowd = bool(row.get("iscrowd"))
        classes[id_] = VOID if crowd else class_
        thing = categories.is_thing(row["category_id"]) and class_ != 0
        objects[id_] = VOID if crowd else len(objects) if thing else 0
    missing = sorted(set(found.tolist()) - set(classes))
    if missing:
        raise InputError(f"{where}: {path.name} holds the segment {missing[0]}, which segments_info does not list.")
    maps = (np.array([table[id_] for id_ in found.tolist()], "int32") for table in (classes, objects))
    mask, instances = (table[inverse].reshape(number.shape) for table in maps)
    return mask, instances


FORMAT = Format(
    name="coco-panoptic",
    signs="a JSON file whose annotations have segments_info, beside a folder of PNG files of its name",
    recognize=_recognize,
    read=_read,
    images_elsewhere=True,
)
