"""CamVid in its two forms: SegNet's 11 classes (train/, trainannot/), and the original's colors (*_L.png)."""

import itertools
import pathlib

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImages
from keras_seg.data.conversion.source import Source, is_file
from keras_seg.data.index.folder_roles import SPLITS

_SEGNET = {
    "Sky": (128, 128, 128),
    "Building": (128, 0, 0),
    "Pole": (192, 192, 128),
    "Road": (128, 64, 128),
    "Pavement": (60, 40, 222),
    "Tree": (128, 128, 0),
    "SignSymbol": (192, 128, 128),
    "Fence": (64, 64, 128),
    "Car": (64, 0, 128),
    "Pedestrian": (64, 64, 0),
    "Bicyclist": (0, 128, 192),
}
_TABLE = "label_colors.txt"
_ENDING = "_L"


def _annotated(source: Source) -> list[tuple[str, pathlib.Path, pathlib.Path]]:
    if source.file:
        return []
    top = source.folders()
    return [
        (split, top[name], top[name + "annot"])
        for split, names in SPLITS.items()
        for name in names
        if name in top and name + "annot" in top
    ]


def _colored(source: Source) -> list[pathlib.Path]:
    """The masks of the original form."""
    if source.file or not is_file(source.root / _TABLE):
        return []
    return [file for file in source.tree(source.root, (".png",)) if file.stem.endswith(_ENDING)]


def _recognize(source: Source) -> str | None:
    folders = _annotated(source)
    if folders:
        return f"{source.name(folders[0][2])}/ beside {source.name(folders[0][1])}/"
    return f"{_TABLE} and {_ENDING}.png" if _colored(source) else None


def _read(source: Source) -> LabeledImages:
    folders = _annotated(source)
    if folders:
        return _read_segnet(source, folders)
    masks = _colored(source)
    if not masks:
        raise InputError(f"{source.shown}: has no trainannot/, and no {_TABLE} with *{_ENDING}.png. Check the format.")
    names, colors = mask_folders.text_colors(source, source.inside(_TABLE, source.root, source.shown))
    kept = [name for name in names if name.lower() != "void"]
    if len(set(kept)) != len(kept) or len(kept) < 2 or not all(kept):
        raise InputError(f"{_TABLE}: must name at least two classes, each once. Use the file of the release.")
    ids = [VOID if name.lower() == "void" else kept.index(name) for name in names]
    table, palette = mask_folders.colors_by_id(names, colors, ids, _TABLE)
    found = LabeledImages(names=tuple(kept), colors=palette, images=iter(()), has_objects=False)
    labels = set(masks)
    files = [file for file in source.tree(source.root) if file not in labels]
    read = lambda mask, where: mask_folders.mapped_colors(mask, where, table)  # noqa: E731
    found.images = mask_folders.images_of(source, found, files, masks, split=None, read=read, ending=_ENDING)
    return found


def _read_segnet(source: Source, folders: list[tuple[str, pathlib.Path, pathlib.Path]]) -> LabeledImages:
    found = LabeledImages(names=tuple(_SEGNET), colors=tuple(_SEGNET.values()), images=iter(()), has_objects=False)
    classes = {len(_SEGNET): VOID, **{id_: id_ for id_ in range(len(_SEGNET))}}

    found.images = itertools.chain.from_iterable(
        mask_folders.images_of(
            source, found, source.files(images), source.files(masks, (".png",)), split=split, read=classes
        )
        for split, images, masks in folders
    )
    return found


FORMAT = Format(
    name="camvid",
    signs="train/ beside trainannot/ (CamVid of SegNet), or label_colors.txt with *_L.png",
    recognize=_recognize,
    read=_read,
)
