"""What every format is read into: images, each with objects to paint or with a mask."""

import dataclasses
import pathlib
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeGuard

import numpy as np

from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg.data.conversion.stamp import Stamp

# The label of pixels without a class in the masks that formats give; the writer replaces it by 255 or 65535.
VOID = -1

# No labels are painted for larger images: a file can claim any size.
MAX_PIXELS = 1 << 28


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabeledObject:
    """One object of an image.

    Args:
        id_: int. Its class, or `VOID` for pixels that are ignored.
        draw: function of (height, width) that gives its `Stamp`.
    """

    id_: int
    draw: Callable[[int, int], Stamp]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabeledImage:
    """An image and its labels, which are read when it is written.

    Args:
        image: path of the file, or None if the source does not have it.
        channels: paths of the files with one channel each, if there are several; `image` is the first.
        name: str. The name that the source gives it, with its folder: the stem of the output.
        where: str. The file and the record of the labels, for error messages.
        split: str. "train", "val", "test" or None.
        size: (height, width) that the labels were drawn on, or None for the size of the image.
        objects: the objects, the bottom one first.
        mask: function that gives the class of each pixel, int array (height, width), instead of objects.
        instances: function that gives the number of the object of each pixel, with `mask`.
        annotated: bool. Whether the source has any label of the image.
    """

    image: pathlib.Path | None
    name: str
    where: str
    channels: Sequence[pathlib.Path] = ()
    split: str | None = None
    size: tuple[int, int] | None = None
    objects: Sequence[LabeledObject] = ()
    mask: Callable[[], np.ndarray] | None = None
    instances: Callable[[], np.ndarray] | None = None
    annotated: bool = True


@dataclasses.dataclass(kw_only=True)
class LabeledImages:
    """All that a source holds.

    Args:
        names: the names of the classes, by id.
        images: iterator of `LabeledImage`.
        colors: (red, green, blue) of each class, or None.
        large_first: bool. Whether smaller objects are painted over larger ones, instead of in the order given.
        rule: str. Which object wins where objects overlap, in words.
        notices: list of str, which may grow while the images are read.
        left_out: list of str. Names of images that have no labels and are not written; may grow.
        inverted: list of str. Names of masks that seem to be black on white; may grow.
        has_objects: bool. Whether the objects of a class are told apart.
    """

    names: tuple[str, ...]
    images: Iterator[LabeledImage]
    colors: tuple[tuple[int, int, int], ...] | None = None
    large_first: bool = False
    rule: str = ""
    notices: list[str] = dataclasses.field(default_factory=list)
    left_out: list[str] = dataclasses.field(default_factory=list)
    inverted: list[str] = dataclasses.field(default_factory=list)
    has_objects: bool = True


def no_area(skipped: Mapping[str, int]) -> list[str]:
    """Lines about shapes that are not painted, from their number per type."""
    return [
        f"{counted(count, 'shape')} of type {kind} {'has' if count == 1 else 'have'} no area: left out."
        for kind, count in skipped.items()
    ]


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value of a label file is a number that a float holds. JSON may have NaN, infinity and any integer."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def checked_size(height: object, width: object, where: str) -> tuple[int, int]:
    """(height, width), if these are whole numbers of a plausible size."""
    for value in (height, width):
        if not is_number(value) or value < 1:
            raise InputError(f"{where}: the size {height!r} x {width!r} (height x width) is not two whole numbers.")
    size = int(height), int(width)  # pyright: ignore[reportArgumentType]
    if size != (height, width) or size[0] * size[1] > MAX_PIXELS:
        raise InputError(f"{where}: the size {height} x {width} is not whole, or more than {MAX_PIXELS} pixels.")
    return size
