"""KITTI: the semantic labels of 2015, which are Cityscapes' labelIds, and what CVAT exports as "KITTI 1.0"."""

import dataclasses
import functools
import pathlib
from collections.abc import Iterator

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import cityscapes, mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file, split_in
from keras_seg.data.index.reading import read_mask

_TABLE = "label_colors.txt"
_IMAGES, _MASKS, _OBJECTS = "image_2", "semantic", "instance"


def _exported(source: Source) -> list[pathlib.Path]:
    """The folders of an export of CVAT: default/, or one per subset."""
    if source.file or not is_file(source.root / _TABLE):
        return []
    return [folder for folder in source.folders().values() if (folder / _MASKS).is_dir()]


def _recognize(source: Source) -> str | None:
    if exported := _exported(source):
        return f"{_TABLE} and {source.name(exported[0] / _MASKS)}/"
    folder = source.root / "training"
    if source.file or not all((folder / kind).is_dir() for kind in (_IMAGES, _MASKS)):
        return None
    return f"training/{_IMAGES} and training/{_MASKS}"


def _read(source: Source) -> LabeledImages:
    exported = _exported(source)
    if exported:
        names, colors = mask_folders.text_colors(source, source.inside(_TABLE, source.root, source.shown))
        names, colors, classes, _ = mask_folders.background_first(names, colors, _TABLE)
        things = frozenset(value for value, id_ in classes.items() if names[id_] != "background")
        splits = {folder: split_in(folder.name) for folder in exported}
        folders = {folder: splits[folder] if all(splits.values()) else None for folder in exported}
    else:
        names, colors, classes = cityscapes.NAMES, cityscapes.COLORS, cityscapes.LABEL_IDS
        things, folders = frozenset(cityscapes.THINGS), {source.root / "training": None}
    masks = {folder: source.files(folder / _MASKS, (".png",)) for folder in folders}
    source.required(any(masks.values()), f"has no training/{_MASKS}/ with masks. Check the format.")
    has_objects = all((folder / _OBJECTS).is_dir() for folder in folders)
    found = LabeledImages(names=names, colors=colors, images=iter(()), has_objects=has_objects)
    if (source.root / "testing").is_dir():
        found.notices.append("testing/ has no labels, and is left out.")
    void = frozenset(value for value, id_ in classes.items() if id_ == VOID)
    objects = functools.partial(_objects, source, _Labels(known=frozenset(classes), things=things, void=void))

    def images() -> Iterator[LabeledImage]:
        for folder, split in folders.items():
            # CVAT writes the images only if it is asked to.
            files = source.files(folder / _IMAGES) or (source.files(source.images) if source.images else [])
            yield from mask_folders.images_of(
                source, found, files, masks[folder], split=split, read=classes, instances=objects
            )

    found.images = images()
    return found


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Labels:
    """The labels of the files: all, those of objects, and those of ignored pixels."""

    known: frozenset[int]
    things: frozenset[int]
    void: frozenset[int]


def _objects(source: Source, kinds: _Labels, mask: pathlib.Path, where: str) -> np.ndarray:
    """The numbers of the objects: 256 times the label and a number, which is 0 for what is not divided."""
    path = mask.parent.with_name(_OBJECTS) / mask.name
    if not is_file(path):
        raise InputError(f"{where}: {_OBJECTS}/{mask.name} is missing. Add it, or convert without objects.")
    values = read_mask(source.inside(path.name, path.parent, where)).astype("int32")
    labels, numbers = values // 256, values % 256
    unknown = np.setdiff1d(labels, list(kinds.known))
    if unknown.size:
        raise InputError(
            f"{where}: {_OBJECTS}/{mask.name} holds the label {unknown[0]}, which is no class. Check the file."
        )
    void, thing = np.isin(labels, list(kinds.void)), np.isin(labels, list(kinds.things))
    return np.where(void | (thing & (numbers == 0)), VOID, np.where(thing, values, 0)).astype("int32")


FORMAT = Format(
    name="kitti",
    signs=f"training/image_2 beside training/semantic, or {_TABLE} with default/semantic (CVAT's KITTI)",
    recognize=_recognize,
    read=_read,
    misread=True,
    images_elsewhere=True,
)
