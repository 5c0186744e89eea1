"""The masks of a repaired copy: ids of classes or objects in one file, or a black and white file per class."""

import functools
import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image

from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import IGNORE, upright
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.collected import Collected, image_of
from keras_seg.data.diagnosis.examine import Examined
from keras_seg.data.index.black_and_white import WHITE
from keras_seg.data.index.class_file_facts import ClassFileFacts
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.folder_index import FolderIndex
from keras_seg.data.index.object_files import read_object
from keras_seg.visualization import palette


class RepairedMask(NamedTuple):
    """A mask to write.

    Attributes:
        place: its path below the folder of masks.
        picture: its pixels.
        done: (file it comes from, what was done, how).
    """

    place: pathlib.Path
    picture: Image.Image
    done: tuple[tuple[pathlib.Path, str, str], ...]


def repaired_masks(
    collected: Collected, found: Examined, index: DataIndex, *, row: int, stem: str
) -> list[RepairedMask]:
    """The masks of the image in this row of the index.

    Raises:
        InputError: A file has changed since it was examined, or does not fit its image.
    """
    if isinstance(found.mask, ClassFileFacts):
        return _masks_of_classes(collected, found, found.mask, index, stem=stem)
    return [_mask_of_ids(collected, found, index, row=row, stem=stem)]


def void_label(index: DataIndex) -> int:
    """The label of ignored pixels in the copy, where the one of the data cannot be stored."""
    return 255 if getattr(index, "num_classes", 1 << 16) <= 255 else 65535


def _masks_of_classes(
    collected: Collected, found: Examined, facts: ClassFileFacts, index: DataIndex, *, stem: str
) -> list[RepairedMask]:
    """A mask per class of an image; the files of one class are joined."""
    image = image_of(found).file
    pixels: dict[str, np.ndarray] = {}
    done: dict[str, list[tuple[pathlib.Path, str, str]]] = {}
    for (name, file), of_file in zip(facts.files, facts.facts, strict=True):
        details: list[str] = []
        white = read_object(file, exif_orientation=index.exif_orientation)
        if index.exif_orientation == IGNORE or collected.difference_of(image, of_file) == "turned":
            white = _turned_like(image, white, details)
        if white.shape != image.turned_size:
            shape, size = ("x".join(map(str, sides)) for sides in (white.shape, image.turned_size))
            raise InputError(f"{file}: is {shape}, but its image is {size}.")
        if name in pixels:
            details.append("joined with others of its class")
        pixels[name] = pixels[name] | white if name in pixels else white
        how = ", ".join(details) or f"as {name}/{stem}.png"
        done.setdefault(name, []).append((file, "mask written in black and white", how))
    return [
        RepairedMask(
            place=pathlib.Path(name, f"{stem}.png"),
            picture=Image.fromarray(white.astype(np.uint8) * np.uint8(WHITE)),
            done=tuple(done[name]),
        )
        for name, white in pixels.items()
    ]


def _mask_of_ids(collected: Collected, found: Examined, index: DataIndex, *, row: int, stem: str) -> RepairedMask:
    image, mask = image_of(found).file, index.pairs[row].mask
    details: list[str] = []
    ids = index.read_labels(row)
    if index.exif_orientation == IGNORE or collected.difference(found) == "turned":
        ids = _turned_like(image, ids, details)
    ids = _storable(ids, index, details)
    picture = Image.fromarray(ids)
    height, width = image.turned_size
    if picture.size != (width, height):
        picture = picture.resize((width, height), Image.Resampling.NEAREST)
        details.append(f"resized to {height}x{width} with nearest neighbor")
    how = ", ".join([*_reading_of(index, row), *details])
    return RepairedMask(
        place=pathlib.Path(f"{stem}.png"),
        picture=_picture_of_ids(np.array(picture)),
        done=((mask, "mask written as ids", how),),
    )


def _turned_like(image: FileFacts, values: np.ndarray, details: list[str]) -> np.ndarray:
    """A mask that was drawn on the stored pixels of its image, as viewers show the image."""
    if image.orientation != 1:
        details.append("turned like its image")
    return upright(values, image.orientation)


def _reading_of(index: DataIndex, row: int) -> list[str]:
    """What turned the values of the file into ids."""
    if isinstance(index, FolderIndex):
        encoding = index.encoding
        steps = {
            "colors to ids": bool(index.colors),
            "split at 128 into 0 and 1": encoding.threshold is not None,
            "read by its own scale": bool(index.value_maps and index.value_maps[row]),
            "label_map applied": bool(encoding.label_map),
        }
        return [step for step, taken in steps.items() if taken]
    return ["objects numbered; where they overlap, the smaller one is on top"]


def _storable(ids: np.ndarray, index: DataIndex, details: list[str]) -> np.ndarray:
    """The ids as int32, with ignored labels below 0 as `void_label` says."""
    for label in index.ignore_class:
        if label < 0 and (ids == label).any():
            ids = np.where(ids == label, void_label(index), ids)
            details.append(f"ignored pixels stored as {void_label(index)}")
    return ids.astype(np.int32)


def _picture_of_ids(ids: np.ndarray) -> Image.Image:
    if ids.max(initial=0) > 255:
        return Image.fromarray(ids.astype(np.uint16))
    picture = Image.fromarray(ids.astype(np.uint8))
    picture.putpalette(_viewer_colors())
    return picture


@functools.cache
def _viewer_colors() -> bytes:
    return palette(255).tobytes() + bytes(3)
