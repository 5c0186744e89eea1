"""ADE20K's SceneParse150: images/training beside annotations/training; 0 is ignored, classes count from 1."""

import pathlib
from collections.abc import Iterator

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file

_COUNT = 150
_TABLE = "objectInfo150.txt"
_SPLITS = {"training": "train", "validation": "val"}
_NAME = "ADEChallengeData2016"


def _root(source: Source) -> pathlib.Path | None:
    for folder in [] if source.file else [source.root / _NAME, source.root]:
        named = folder.name == _NAME or is_file(folder / _TABLE)
        if named and all((folder / kind).is_dir() for kind in ("images", "annotations")):
            return folder
    return None


def _recognize(source: Source) -> str | None:
    root = _root(source)
    if root is None:
        return None
    return source.name(root / _TABLE) if is_file(root / _TABLE) else f"the folder {_NAME}"


def _read(source: Source) -> LabeledImages:
    root = _root(source) or source.root
    if not (root / "annotations" / "training").is_dir() and not (root / "annotations" / "validation").is_dir():
        raise InputError(f"{source.shown}: has no annotations/training/ or annotations/validation/. Check the format.")
    found = LabeledImages(names=_names(source, root), images=iter(()), has_objects=False)
    if not is_file(root / _TABLE):
        found.notices.append(f"{_TABLE} is missing: classes are called by their number.")
    classes = {0: VOID, **{value: value - 1 for value in range(1, _COUNT + 1)}}

    def images() -> Iterator[LabeledImage]:
        for name, split in _SPLITS.items():
            files = source.files(root / "images" / name)
            masks = source.files(root / "annotations" / name, (".png",))
            yield from mask_folders.images_of(source, found, files, masks, split=split, read=classes)

    found.images = images()
    return found


def _names(source: Source, root: pathlib.Path) -> tuple[str, ...]:
    """The first word of each name in the table, with its number where the word is not the only one."""
    if not is_file(root / _TABLE):
        return tuple(f"class_{number}" for number in range(1, _COUNT + 1))
    lines = source.text(source.inside(_TABLE, root, source.shown)).splitlines()
    rows = [line.split("\t") for line in lines if line[:1].isdigit()]
    names = [row[-1].split(",")[0].strip() for row in rows]
    if [row[0].strip() for row in rows] != [str(number) for number in range(1, _COUNT + 1)]:
        raise InputError(
            f"{source.name(root / _TABLE)}: does not list the classes 1 to 150. Use the file of the release."
        )
    return tuple(name if names.count(name) == 1 else f"{name} {place}" for place, name in enumerate(names, 1))


FORMAT = Format(
    name="ade20k",
    signs="ADEChallengeData2016/ or objectInfo150.txt, with images/training and annotations/training",
    recognize=_recognize,
    read=_read,
    misread=True,
)
