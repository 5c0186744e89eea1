"""One image and its mask, each decoded once, as facts that are small whatever their size."""

import dataclasses
import pathlib
from typing import NamedTuple

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.diagnosis.border_offset import border_offset
from keras_seg.data.diagnosis.specks import count_specks
from keras_seg.data.index import black_and_white
from keras_seg.data.index.class_file_facts import ClassFileFacts, ClassFiles, NamedFile
from keras_seg.data.index.image_facts import ImageFacts, facts_of_image
from keras_seg.data.index.image_hashes import gray_picture
from keras_seg.data.index.mask_facts import MaskFacts, facts_of
from keras_seg.data.index.mask_ids import Rgb, is_painted, mask_ids, packed_colors, unpacked
from keras_seg.data.index.object_facts import ObjectFacts, object_facts
from keras_seg.data.index.reading import decode_mask, read_stored_image

CAP = 512


class Files(NamedTuple):
    """What to examine: a pair, a lone file, or an image with several masks (name of the class, file), of one part."""

    part: int
    image: pathlib.Path | None
    mask: pathlib.Path | None
    classes: tuple[NamedFile, ...] = ()

    @property
    def all(self) -> tuple[pathlib.Path, ...]:
        """The image and its masks."""
        masks = tuple(file for _, file in self.classes) or (self.mask,)
        return tuple(file for file in (self.image, *masks) if file is not None)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found in an image and in its mask.

    Args:
        files: `Files`.
        image: `ImageFacts`, or None if the image cannot be read.
        mask: `MaskFacts`, `ObjectFacts` or `ClassFileFacts`, or None if the mask cannot be read.
        colors: number of pixels per color, for a mask that is painted in colors; at most `CAP` of them.
        many: bool. Whether the mask has more values or colors than `CAP`.
        specks: int. Regions of a few pixels.
        offset: how far the mask must be moved (down, right) to fit the edges of the image best, or None.
        image_error, mask_error: why a file cannot be read, or "".
        further: (file, why it cannot be used) of masks that are one of several.
    """

    files: Files
    image: ImageFacts | None = None
    mask: MaskFacts | ObjectFacts | ClassFileFacts | None = None
    colors: dict[Rgb, int] | None = None
    many: bool = False
    specks: int = 0
    offset: tuple[int, int] | None = None
    image_error: str = ""
    mask_error: str = ""
    further: tuple[tuple[pathlib.Path, str], ...] = ()

    @property
    def readable(self) -> bool:
        """Whether both files could be read."""
        return self.image is not None and self.mask is not None


class _Mask(NamedTuple):
    facts: MaskFacts | ObjectFacts
    labels: np.ndarray | None
    colors: dict[Rgb, int] | None = None
    many: bool = False


def examine(files: Files, *, channels: int, objects: bool, painted: bool, per_class: bool = False) -> Examined:
    """The facts of an image, of a mask, or of both as a pair.

    Args:
        files: what to examine.
        channels: channels to read the image with.
        objects: whether the mask is of objects.
        painted: whether masks are known to hold colors, because labels.json lists them.
        per_class: whether each of several masks of an image is known to show one class.
    """
    image, gray, image_error = None, None, ""
    if files.image is not None:
        try:
            stored = read_stored_image(files.image, channels=channels)
            image, gray = facts_of_image(files.image, stored), gray_picture(stored.values)
        except InputError as error:
            image_error = str(error)
    if files.classes and image is not None and gray is not None:
        return _of_classes(files, image, gray, per_class=per_class)
    mask, mask_error = None, ""
    if files.mask is not None:
        try:
            if objects:
                mask = _Mask(*object_facts(files.mask, components=None, ignored=()))
            else:
                mask = _class_mask(files.mask, painted=painted)
        except InputError as error:
            mask_error = str(error)
    labels = None if mask is None else mask.labels
    return Examined(
        files=files,
        image=image,
        mask=None if mask is None else mask.facts,
        colors=None if mask is None else mask.colors,
        many=mask is not None and mask.many,
        specks=0 if labels is None or objects else count_specks(labels),
        offset=None if gray is None or labels is None else border_offset(gray, labels),
        image_error=image_error,
        mask_error=mask_error,
    )


def _of_classes(files: Files, image: ImageFacts, gray: np.ndarray, *, per_class: bool) -> Examined:
    """The facts of an image with several masks. Those that cannot be used are named, and the others are examined."""
    classes, refused = ClassFiles(image), list[tuple[pathlib.Path, str]]()
    for name, file in files.classes:
        try:
            classes.add(name, file)
        except InputError as error:
            # Without knowing that it shows one class, its values may be fine.
            if per_class or not _can_be_decoded(file):
                refused.append((file, str(error)))
    further = tuple(refused)
    if not classes.pixels:
        return Examined(files=files, image=image, further=further)
    facts, whites = classes.facts(), list(classes.pixels.values())
    offset = None
    if len({white.shape for white in whites}) == 1:
        # Only which classes differ counts: more than 63 of them in one image share bits.
        bits = np.add.reduce([white.astype(np.int64) << number % 63 for number, white in enumerate(whites)])
        offset = border_offset(gray, bits)
    return Examined(
        files=files._replace(mask=facts.files[0][1]),
        image=image,
        mask=facts,
        specks=max(map(count_specks, whites)),
        offset=offset,
        further=further,
    )


def _can_be_decoded(file: pathlib.Path) -> bool:
    try:
        decode_mask(file)
    except InputError:
        return False
    return True


def _class_mask(path: pathlib.Path, *, painted: bool) -> _Mask:
    pixels = decode_mask(path)
    if painted or is_painted(path, pixels):
        packed = packed_colors(path, pixels)
        found, number = np.unique(packed, return_counts=True)
        colors = dict(zip(map(unpacked, found[:CAP].tolist()), number[:CAP].tolist(), strict=True))
        many = len(found) > CAP
        labels = None if many or pixels.facts.lossy else packed
        return _Mask(MaskFacts(path, pixels.facts, {}), labels, colors, many)
    labels = mask_ids(path, pixels, None)
    facts = facts_of(path, labels, pixels)
    if len(facts.counts) > CAP:
        return _Mask(facts._replace(counts=dict(list(facts.counts.items())[:CAP])), None, None, True)
    if facts.kind == "blurred":
        labels = (labels >= black_and_white.THRESHOLD).astype(np.uint8)
    elif facts.lossy:
        labels = None  # Regions of a JPEG are those of its blocks.
    return _Mask(facts, labels)
