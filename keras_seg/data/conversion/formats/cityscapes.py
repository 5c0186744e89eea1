"""Cityscapes: labelIds of 34 classes, of which 19 are evaluated; KITTI's semantic labels have the same ids.

What CVAT exports as "Cityscapes 1.0" has classes of its own.
"""

import functools
import pathlib
from collections.abc import Collection, Iterator, Mapping

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file, place, split_in
from keras_seg.data.index.background import BACKGROUND
from keras_seg.data.index.file_listing import EXTENSIONS
from keras_seg.data.index.reading import read_mask

# Name, labelId, color of the 19 classes in the order of their train ids: cityscapesScripts, helpers/labels.py.
_CLASSES = (
    ("road", 7, (128, 64, 128)),
    ("sidewalk", 8, (244, 35, 232)),
    ("building", 11, (70, 70, 70)),
    ("wall", 12, (102, 102, 156)),
    ("fence", 13, (190, 153, 153)),
    ("pole", 17, (153, 153, 153)),
    ("traffic light", 19, (250, 170, 30)),
    ("traffic sign", 20, (220, 220, 0)),
    ("vegetation", 21, (107, 142, 35)),
    ("terrain", 22, (152, 251, 152)),
    ("sky", 23, (70, 130, 180)),
    ("person", 24, (220, 20, 60)),
    ("rider", 25, (255, 0, 0)),
    ("car", 26, (0, 0, 142)),
    ("truck", 27, (0, 0, 70)),
    ("bus", 28, (0, 60, 100)),
    ("train", 31, (0, 80, 100)),
    ("motorcycle", 32, (0, 0, 230)),
    ("bicycle", 33, (119, 11, 32)),
)
NAMES = tuple(name for name, _, _ in _CLASSES)
COLORS = tuple(color for _, _, color in _CLASSES)
# 255 is the license plate, -1 in 8 bits; the others are not evaluated.
_OTHERS = (*range(7), 9, 10, 14, 15, 16, 18, 29, 30, 255)
LABEL_IDS = {**dict.fromkeys(_OTHERS, VOID), **{label: id_ for id_, (_, label, _) in enumerate(_CLASSES)}}
TRAIN_IDS = {255: VOID, **{id_: id_ for id_ in range(len(_CLASSES))}}

_IMAGE = "_leftImg8bit"
_FINE = ("gtFine", "gtCoarse")
# Classes whose objects are counted.
THINGS = (24, 25, 26, 27, 28, 31, 32, 33)
# What CVAT lists its classes in, in the order of their ids.
_TABLE = "label_colors.txt"
_IDS, _OBJECTS = "_gtFine_labelIds", "_gtFine_instanceIds"


def _folders(source: Source) -> list[tuple[str, pathlib.Path]]:
    """(kind of labels, their folder)."""
    return [] if source.file else [(kind, source.root / kind) for kind in _FINE if (source.root / kind).is_dir()]


def _recognize(source: Source) -> str | None:
    folders = _folders(source)
    return f"{folders[0][0]}/ of Cityscapes" if folders else None


def _read(source: Source) -> LabeledImages:
    missing = "has no folder gtFine/. Pass the folder that holds leftImg8bit/ and gtFine/."
    folders = source.required(_folders(source), missing)
    kind, labels = folders[0]
    if is_file(source.root / _TABLE):
        return _read_exported(source, labels)
    found = LabeledImages(names=NAMES, colors=COLORS, images=iter(()))
    if len(folders) > 1:
        found.notices.append("gtFine is used, and gtCoarse is not.")
    items = []
    for split_name, folder in source.folders(labels).items():
        split = split_in(split_name) or split_name
        if split not in ("train", "val", "test"):
            found.notices.append(f"{source.name(folder)} is no split of train, val and test, and is left out.")
            continue
        for city in source.folders(folder).values():
            ids = {
                mask.stem.removesuffix(f"_{kind}_labelIds"): mask for mask in _ending(source, city, f"_{kind}_labelIds")
            }
            train = _ending(source, city, f"_{kind}_labelTrainIds")
            for mask in train:
                # labelIds have the same pixels, and do not depend on a script having been run.
                ids.setdefault(mask.stem.removesuffix(f"_{kind}_labelTrainIds"), mask)
            for stem in sorted(ids):
                items.append((split, city.name, split_name, stem, ids[stem]))
            bases = source.root / "leftImg8bit" / split_name / city.name
            files = [file.stem.removesuffix(_IMAGE) for file in source.files(bases)]
            found.left_out += [f"{city.name}/{stem}" for stem in files if stem not in ids]
    blank = [split for split in {item[0] for item in items} if split == "test"]
    if blank:
        items = [item for item in items if item[0] != "test"]
        found.notices.append("The labels of test are not public, its files are blank: test is left out.")

    def images() -> Iterator[LabeledImage]:
        for split, city, split_name, stem, mask in items:
            where = source.name(mask)
            folder = source.root / "leftImg8bit" / split_name / city
            image = source.first_file(f"{stem}{_IMAGE}.png", [folder, source.root / "leftImg8bit"], where)
            objects = mask.with_name(f"{stem}_{kind}_instanceIds.png")
            yield LabeledImage(
                image=image,
                name=f"{stem}{_IMAGE}.png",
                where=where,
                split=split,
                mask=lambda mask=mask, where=where: _mask(mask, where),
                instances=functools.partial(_objects, source, objects, where, classes=LABEL_IDS, things=THINGS),
            )

    found.images = images()
    return found


def _read_exported(source: Source, labels: pathlib.Path) -> LabeledImages:
    """An export of CVAT: the subsets of its images, without the folders of cities."""
    names, colors = mask_folders.text_colors(source, source.inside(_TABLE, source.root, source.shown))
    names, colors, classes, _ = mask_folders.background_first(names, colors, _TABLE)
    things = [label for label, id_ in classes.items() if names[id_] != BACKGROUND]
    found = LabeledImages(names=names, colors=colors, images=iter(()))
    subsets = source.folders(labels)
    splits = {subset: split_in(subset) for subset in subsets}
    divided = all(splits.values())

    def images() -> Iterator[LabeledImage]:
        for subset, folder in subsets.items():
            pictures = source.root / "imgsFine" / "leftImg8bit" / subset
            used = set()
            for mask in source.tree(folder, (".png",)):
                if not mask.stem.endswith(_IDS):
                    continue
                where, stem = source.name(mask), mask.stem.removesuffix(_IDS)
                name = (mask.parent.relative_to(folder) / stem).as_posix()
                image = _exported_image(source, name, pictures, where)
                used.add(image and place(image))
                objects = mask.with_name(f"{stem}{_OBJECTS}.png")
                yield LabeledImage(
                    image=image,
                    name=name if divided or len(subsets) == 1 else f"{subset}/{name}",
                    where=where,
                    split=splits[subset] if divided else None,
                    mask=functools.partial(mask_folders.mapped_ids, mask, where, classes),
                    instances=functools.partial(_objects, source, objects, where, classes=classes, things=things),
                )
            found.left_out += [source.name(file) for file in source.tree(pictures) if place(file) not in used]

    found.images = images()
    return found


def _exported_image(source: Source, name: str, pictures: pathlib.Path, where: str) -> pathlib.Path | None:
    """The image of a mask. CVAT adds to its name, and writes it only if it is asked to."""
    extensions = (*EXTENSIONS, ".JPG", ".JPEG", ".PNG")
    names = [f"{name}{ending}{extension}" for ending in (_IMAGE, "") for extension in extensions]
    return next((path for one in names if (path := source.first_file(one, [pictures], where))), None)


def _ending(source: Source, folder: pathlib.Path, ending: str) -> list[pathlib.Path]:
    return [file for file in source.files(folder, (".png",)) if file.stem.endswith(ending)]


def _mask(path: pathlib.Path, where: str) -> np.ndarray:
    table = TRAIN_IDS if path.stem.endswith("TrainIds") else LABEL_IDS
    return mask_folders.mapped_ids(path, where, table)


def _objects(
    source: Source, path: pathlib.Path, where: str, *, classes: Mapping[int, int], things: Collection[int]
) -> np.ndarray:
    """The numbers of instanceIds: 1000 times the labelId plus a number; below 1000, regions that are not divided."""
    if not path.is_file():
        raise InputError(f"{where}: {path.name} is missing, which holds the objects. Add it.")
    values = read_mask(source.inside(path.name, path.parent, where)).astype("int32")
    label = np.where(values >= 1000, values // 1000, values)
    mask = np.array([classes.get(id_, VOID) for id_ in range(256)])[np.minimum(label, 255)]
    thing = np.isin(label, list(things))
    # A group of cars that is not divided is no object.
    group = (values < 1000) & thing
    return np.where((values >= 1000) & thing, values, np.where(group | (mask == VOID), VOID, 0)).astype("int32")


FORMAT = Format(
    name="cityscapes",
    signs="leftImg8bit/train and gtFine/train with _gtFine_labelIds.png (Cityscapes, or CVAT's with label_colors.txt)",
    recognize=_recognize,
    read=_read,
    misread=True,
    images_elsewhere=True,
)
