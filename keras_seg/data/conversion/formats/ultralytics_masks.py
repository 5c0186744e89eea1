"""Masks in the transposed layout: images/train and masks/train, as Ultralytics and NVIDIA TAO have it."""

import pathlib
import re
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.class_list import class_ids
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.formats.yolo import yaml_names
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file, split_in
from keras_seg.data.index.black_and_white import THRESHOLD
from keras_seg.data.index.folder_roles import IMAGE_FOLDERS
from keras_seg.data.index.mask_facts import MaskFacts, mask_facts
from keras_seg.data.index.reading import read_mask
from keras_seg.data.index.stem_matching import MASK_SUFFIXES
from keras_seg.data.index.unicode_names import nfc

_MASKS = ("masks", "mask", "labels", "annotations", "ann_dir")
_IMAGES = (*IMAGE_FOLDERS, "img_dir")
_IGNORED = 255


def _folders(source: Source) -> list[tuple[str, pathlib.Path, pathlib.Path]]:
    """(split, folder of images, folder of masks)."""
    if source.file:
        return []
    top = source.folders()
    images = next((path for name, path in top.items() if name.lower() in _IMAGES), None)
    masks = next((top[name] for name in _MASKS if name in top), None)
    if images is None or masks is None:
        return []
    return [
        (split, folder, masks / name)
        for name, folder in source.folders(images).items()
        if (split := split_in(name)) and any(source.files(masks / name, (".png", ".tif", ".tiff", ".bmp")))
    ]


def _unused(source: Source, used: Collection[pathlib.Path]) -> list[str]:
    """Lines about the folders beside those of the images of splits."""
    lines = []
    for folder in sorted(next(iter(used)).parent.iterdir()):
        if folder.name[0] == "." or folder in used or not folder.is_dir():
            continue
        reason = "has no masks" if split_in(folder.name) else "is no split"
        if not folder.resolve().is_relative_to(source.root):
            reason = "is a link out of the source"
        lines.append(f"{source.name(folder)}/ {reason}, and is left out.")
    return lines


def _recognize(source: Source) -> str | None:
    folders = _folders(source)
    if not folders or (source.root / "objectInfo150.txt").is_file() or source.root.name.startswith("ADEChallenge"):
        return None
    _, images, masks = folders[0]
    return f"{source.name(images)} beside {source.name(masks)}"


def _read(source: Source) -> LabeledImages:
    folders = _folders(source)
    if not folders:
        raise InputError(f"{source.shown}: has no folders such as images/train and masks/train. Check the format.")
    listed, mapping, where = _settings(source)
    # More than two classes are not black and white.
    counted = not mapping and len(listed) <= 2
    facts = [mask_facts(file) for _, _, masks in folders for file in source.files(masks)] if counted else []
    white = _are_black_and_white(facts)
    names = _checked_names(listed, where) if listed else _numbered_names(facts, white=white)
    found = LabeledImages(names=names, images=iter(()), has_objects=False)
    found.notices += _unused(source, {images for _, images, _ in folders})
    if not listed:
        found.notices.append("No .yaml lists names: classes are called by their number.")
    if white:
        found.notices.append(f"Masks are black and white: white is the class {names[1]!r}.")

    def read(mask: pathlib.Path, where: str) -> np.ndarray:
        if white:
            return (read_mask(mask) >= THRESHOLD).astype("int32")
        classes = {value: value for value in range(len(names))} | {_IGNORED: VOID}
        if mapping:
            classes = {value: VOID if id_ in (_IGNORED, -1) else id_ for value, id_ in mapping.items()}
            classes.setdefault(_IGNORED, VOID)
        return mask_folders.mapped_ids(mask, where, classes)

    def images() -> Iterator[LabeledImage]:
        for split, folder, masks in folders:
            files, labels = source.files(folder), source.files(masks)
            stems = {nfc(image.stem) for image in files}
            endings = [
                e for e in ("", *MASK_SUFFIXES, "_labelTrainIds") if any(_cut(nfc(m.stem), e) in stems for m in labels)
            ]
            ending = endings[0] if endings else ""
            yield from mask_folders.images_of(source, found, files, labels, split=split, read=read, ending=ending)

    found.images = images()
    return found


def _cut(stem: str, ending: str) -> str:
    return stem.removesuffix(ending)


def _are_black_and_white(facts: Sequence[MaskFacts]) -> bool:
    """Whether no mask holds an id, and 255 is a class: nothing but the background would be left if it were ignored."""
    kinds = {one.kind for one in facts}
    return kinds <= {"white", "blurred", "empty"} and bool(kinds - {"empty"})


def _checked_names(listed: Sequence[str], where: str) -> tuple[str, ...]:
    plain = {name.strip(): None for name in listed}
    if len(plain) != len(listed):
        raise InputError(f"{where}: a class name occurs twice. Give each class its own.")
    return tuple(plain) if len(plain) > 1 else class_ids(listed, where)[0]


def _numbered_names(facts: Sequence[MaskFacts], *, white: bool) -> tuple[str, ...]:
    ids = {id_ for one in facts for id_ in one.counts if id_ != _IGNORED}
    highest = 1 if white else max({1, *ids})
    return ("background", *(f"class_{id_}" for id_ in range(1, highest + 1)))


def _settings(source: Source) -> tuple[list[str], dict[int, int], str]:
    """(names, class by value in the file, file) from the one YAML file, or from classes.txt."""
    files = source.files(source.root, (".yaml", ".yml"))
    if len(files) > 1:
        raise InputError(f"{source.shown}: holds {files[0].name} and {files[1].name}. Keep the one that describes it.")
    if not files:
        listed = source.root / "classes.txt"
        if not is_file(listed):
            return [], {}, source.shown
        text = source.text(source.inside("classes.txt", source.root, source.shown))
        return [line.strip() for line in text.splitlines() if line.strip()], {}, "classes.txt"
    text, where = source.text(files[0]), source.name(files[0])
    names = yaml_names(text)
    if not names:
        raise InputError(f"{where}: lists no names. Write names: [first, second, ...] into it.")
    return names, _mapping(text, where), where


def _mapping(text: str, where: str) -> dict[int, int]:
    match = re.search(r"^label_mapping[ \t]*:(.*(?:\n(?:[ \t]+.*|[ \t]*#.*|[ \t]*))*)", text, re.M)
    if not match:
        return {}
    body = re.sub(r"#.*", "", match[1])
    pairs = re.findall(r"(-?\d+)\s*:\s*(-?\w+)", body)
    ignored = ("ignore_label", "ignore", "null", "None")
    try:
        found = {int(value): _IGNORED if id_ in ignored else int(id_) for value, id_ in pairs}
    except ValueError as error:
        raise InputError(f"{where}: label_mapping is not of the form {{value: class}}. Correct it.") from error
    if not found:
        raise InputError(f"{where}: label_mapping is not of the form {{value: class}}. Correct it.")
    return found


FORMAT = Format(
    name="split-masks",
    signs="images/train beside masks/train, with a mask per image",
    recognize=_recognize,
    read=_read,
)
