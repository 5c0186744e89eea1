"""nnU-Net's raw data: imagesTr, labelsTr, dataset.json."""

import pathlib
from collections.abc import Iterator
from typing import Any

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import VOID, LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source, is_file

_ENDINGS = (".png", ".tif", ".tiff", ".bmp")


def _recognize(source: Source) -> str | None:
    if source.file or not is_file(source.root / "dataset.json") or not (source.root / "labelsTr").is_dir():
        return None
    return "dataset.json and labelsTr/"


def _read(source: Source) -> LabeledImages:
    path = source.inside("dataset.json", source.root, source.shown)
    if not is_file(path):
        raise InputError(f"{source.shown}: has no dataset.json. Pass the folder DatasetXXX_Name.")
    content = source.json(path)
    labels = content.get("labels") if isinstance(content, dict) else None
    channels = content.get("channel_names") if isinstance(content, dict) else None
    if not isinstance(labels, dict) or not isinstance(channels, dict):
        raise InputError("dataset.json: must hold channel_names and labels. Correct it.")
    ending = content.get("file_ending")
    if ending not in _ENDINGS:
        raise InputError(
            f"dataset.json: file_ending is {ending!r}, and {', '.join(_ENDINGS)} are read. Save the slices as PNG."
        )
    if len(channels) != 1:
        raise InputError(
            f"dataset.json: the images have {len(channels)} channels, each in a file of its own. "
            "Stack them to one .npy file (height, width, channels) per image."
        )
    names, classes = _classes(labels)
    found = LabeledImages(names=names, images=iter(()), has_objects=False)
    if (source.root / "imagesTs").is_dir():
        found.notices.append("imagesTs/ has no labels, and is left out.")

    def images() -> Iterator[LabeledImage]:
        # _0000 is the number of the channel.
        files = {file.stem.removesuffix("_0000"): file for file in source.files(source.root / "imagesTr", (ending,))}
        masks = source.files(source.root / "labelsTr", (ending,))
        pairs: list[tuple[pathlib.Path | None, pathlib.Path]] = [(files.pop(mask.stem, None), mask) for mask in masks]
        found.left_out += [source.name(image) for image in files.values()]
        for image, mask in pairs:
            where = source.name(mask)
            yield LabeledImage(
                image=image,
                name=mask.name,
                where=where,
                mask=lambda mask=mask, where=where: mask_folders.mapped_ids(mask, where, classes),
            )

    found.images = images()
    return found


def _classes(labels: dict[str, Any]) -> tuple[tuple[str, ...], dict[int, int]]:
    """(names, class by value)."""
    for name, value in labels.items():
        if isinstance(value, list):
            raise InputError(
                f"dataset.json: {name!r} is a region of several labels, {value}, and a mask holds one class per pixel. "
                "List the labels one by one under labels."
            )
        if type(value) is not int:
            raise InputError(f"dataset.json: the label of {name!r} is {value!r}, and must be a whole number.")
    ignored = labels.get("ignore")
    kept = {value: name for name, value in labels.items() if name != "ignore"}
    if sorted(kept) != list(range(len(kept))) or len(kept) < 2 or len(kept) + (ignored is not None) != len(labels):
        raise InputError(f"dataset.json: the labels {sorted(labels.values())} do not count up from 0. Correct them.")
    if ignored is not None and ignored in kept:
        raise InputError(f"dataset.json: the label {ignored} is ignored and a class too. Correct it.")
    classes = {value: value for value in kept}
    if ignored is not None:
        classes[ignored] = VOID
    return tuple(kept[value] for value in sorted(kept)), classes


FORMAT = Format(
    name="nnunet",
    signs="dataset.json with imagesTr/ and labelsTr/",
    recognize=_recognize,
    read=_read,
    misread=True,
)
