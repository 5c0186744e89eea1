"""KITTI's semantic labels of 2015: Cityscapes' labelIds beside image_2."""

import pathlib
from collections.abc import Iterator

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.formats import cityscapes, mask_folders
from keras_seg.data.conversion.formats.format import Format
from keras_seg.data.conversion.labeled_image import LabeledImage, LabeledImages
from keras_seg.data.conversion.source import Source


def _recognize(source: Source) -> str | None:
    folder = source.root / "training"
    if source.file or not all((folder / kind).is_dir() for kind in ("image_2", "semantic")):
        return None
    return "training/image_2 and training/semantic"


def _read(source: Source) -> LabeledImages:
    folder = source.root / "training"
    files, masks = source.files(folder / "image_2"), source.files(folder / "semantic", (".png",))
    if not masks:
        raise InputError(f"{source.shown}: has no training/semantic/. Check the format.")
    pairs, lone = mask_folders.by_stem(files, masks)

    def read(mask: pathlib.Path, where: str) -> np.ndarray:
        return mask_folders.mapped_ids(mask, where, cityscapes.LABEL_IDS)

    def images() -> Iterator[LabeledImage]:
        yield from mask_folders.paired(source, pairs, split=None, read=read)

    found = LabeledImages(names=cityscapes.NAMES, colors=cityscapes.COLORS, images=images(), has_objects=False)
    found.left_out += [source.name(image) for image in lone]
    if (source.root / "testing").is_dir():
        found.notices.append("testing/ has no labels, and is left out.")
    return found


FORMAT = Format(
    name="kitti",
    signs="training/image_2 beside training/semantic",
    recognize=_recognize,
    read=_read,
)
