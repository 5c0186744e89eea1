"""Supervisely's export as masks: img, masks_machine or masks_human, and the color of each class."""

import functools
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats import supervisely
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.mask_folders import Color, checked_color, colors_by_id, mapped_colors
from keras_seg.data.conversion.formats.supervisely_project import Project, project
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file
from keras_seg.data.index.background import BACKGROUND
from keras_seg.data.index.instance_reading import read_instances
from keras_seg.data.index.unicode_names import forms, nfc

_COLORS = "obj_class_to_machine_color.json"
_META = "meta.json"
_MACHINE, _HUMAN, _OBJECTS = "masks_machine", "masks_human", "masks_instances"


def _project(source: Source) -> Project | None:
    return project(source, lambda folder: (folder / _MACHINE).is_dir() or (folder / _HUMAN).is_dir())


def _kind(found: Project) -> str:
    """The folder of masks to read: that of machine masks if every data set has one."""
    return _MACHINE if all((folder / _MACHINE).is_dir() for folder in found.folders) else _HUMAN


def _recognize(source: Source) -> str | None:
    found = _project(source)
    # Annotations tell more than masks that were painted from them.
    if found is None or supervisely.FORMAT.recognize(source):
        return None
    kind = _kind(found)
    colors = _COLORS if kind == _MACHINE else _META
    return f"{colors} and {source.name(found.folders[0] / kind)}/" if is_file(source.root / colors) else None


def _unusable(source: Source) -> str | None:
    found = _project(source)
    if found is None:
        return None
    kind = _kind(found)
    colors = _COLORS if kind == _MACHINE else _META
    return f"{source.name(found.folders[0] / kind)}: without {colors}, its colors have no names. Export it again."


def _read(source: Source) -> LabeledImages:
    project_ = source.required(_project(source), "has no folder img/ beside masks_machine/ or masks_human/.")
    kind = _kind(project_)
    table = _colors(source, kind)
    names, ids = class_ids(list(table), _COLORS if kind == _MACHINE else _META)
    classes, palette = colors_by_id(list(table), list(table.values()), ids, _COLORS if kind == _MACHINE else _META)
    classes.setdefault((0, 0, 0), 0)
    found = LabeledImages(
        names=names,
        images=iter(()),
        # Those of machine masks are nearly black.
        colors=palette if kind == _HUMAN else None,
        has_objects=any((folder / _OBJECTS).is_dir() for folder in project_.folders),
    )

    def images() -> Iterator[LabeledImage]:
        for folder in project_.folders:
            own = source.files(folder / "img") or (source.files(source.images) if source.images else [])
            # The mask of a.jpg is a.png, or a.jpg.png in older exports.
            by_name = {nfc(image.stem): image for image in own} | {nfc(image.name): image for image in own}
            used = set()
            for mask in source.files(folder / kind):
                image, where = by_name.get(nfc(mask.stem)), source.name(mask)
                used.add(image)
                read = functools.partial(_mask, mask, where, classes, human=kind == _HUMAN)
                yield LabeledImage(
                    image=image,
                    name=project_.image_name(folder, mask.name if image is None else image.name),
                    where=where,
                    split=project_.split(folder),
                    mask=read,
                    instances=functools.partial(_objects, folder / _OBJECTS, mask, image, read),
                )
            found.left_out += [source.name(image) for image in own if image not in used]

    found.images = images()
    return found


def _colors(source: Source, kind: str) -> dict[str, Color]:
    """The color of each class."""
    name = _COLORS if kind == _MACHINE else _META
    path = source.inside(name, source.root, source.shown)
    if not is_file(path):
        raise InputError(f"{source.shown}: has no {name}, which names the colors of {kind}/. Export it again.")
    content = source.json(path)
    if kind == _HUMAN:
        rows = content.get("classes") if isinstance(content, dict) else None
        rows = rows if isinstance(rows, list) and all(isinstance(row, dict) for row in rows) else []
        content = {str(row.get("title")): _of_hex(row.get("color"), name) for row in rows}
    if not isinstance(content, dict) or not content:
        raise InputError(f"{name}: must hold a color per class. Export the project again.")
    table = {}
    for class_, color in content.items():
        levels = [color] * 3 if type(color) is int else color
        if not isinstance(levels, list):
            raise InputError(f"{name}: the color of {class_!r} is {color!r}, not three numbers. Export it again.")
        table[class_] = checked_color(levels, f"{name}: {class_!r}")
        if table[class_] == (0, 0, 0) and class_.strip("_ ").lower() != BACKGROUND:
            raise InputError(f"{name}: {class_!r} is black, as the background is. Give the class another color.")
    return table


def _of_hex(color: object, where: str) -> list[int]:
    try:
        return list(bytes.fromhex(str(color).removeprefix("#")))
    except ValueError as error:
        raise InputError(f"{where}: {color!r} is not a color such as #FF0000. Export the project again.") from error


def _mask(path: pathlib.Path, where: str, classes: Mapping[Color, int], *, human: bool) -> np.ndarray:
    try:
        return mapped_colors(path, where, classes)
    except InputError as error:
        if not human:
            raise
        raise InputError(
            f"{error} Masks in {_HUMAN}/ may be blended with their image: export {_MACHINE}/ too."
        ) from error


def _objects(
    folder: pathlib.Path, mask: pathlib.Path, image: pathlib.Path | None, read: functools.partial
) -> np.ndarray:
    """The objects of an image: one file per object, in a folder that has its name."""
    stems = [mask.stem] if image is None else [image.name, image.stem]
    names = [form for stem in stems for form in forms(stem)]
    own = next((folder / name for name in names if (folder / name).is_dir()), None)
    return np.zeros(read().shape, "int32") if own is None else read_instances(own)


FORMAT = Format(
    name="supervisely-masks",
    signs="obj_class_to_machine_color.json, and folders with img/ and masks_machine/",
    recognize=_recognize,
    read=_read,
    misread=True,
    images_elsewhere=True,
    unusable=_unusable,
)
