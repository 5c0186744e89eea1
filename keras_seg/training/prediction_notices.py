"""What is said about predicted files in the end: other scales, transparency, lost places on the earth."""

import pathlib
from typing import NamedTuple

from keras_seg._decoding.value_range import ValueRange, contradicts, difference, scale_of
from keras_seg._validation import InputError
from keras_seg.data.index.image_facts import ImageFacts, transparency_notices
from keras_seg.training.range_notice import ADVICE


class Seen(NamedTuple):
    """What was seen of a file that is predicted.

    Attributes:
        values: the range of its values; None if it is not known.
        transparent: `ImageFacts` of an image whose transparent pixels were blended; None for others.
        lost_place: str. What to know where it has a place on the earth that its mask has not; empty for others.
        uncleaned: bool. Whether it is predicted without the postprocessing of the run.
    """

    values: ValueRange | None = None
    transparent: ImageFacts | None = None
    lost_place: str = ""
    uncleaned: bool = False


class PredictionNotices:
    """Gathers what is said about files that are predicted one by one.

    Args:
        trained: the range of the training images; None if it is not known.
    """

    def __init__(self, trained: ValueRange | None) -> None:
        self._scales = Scales(trained)
        self._transparent: list[ImageFacts] = []
        self._first_unplaced, self._unplaced = ("", ""), 0
        self._first_uncleaned = ""

    def add(self, path: pathlib.Path, seen: Seen) -> None:
        """Take in what was seen of a file."""
        if seen.values is not None:
            self._scales.look(path, seen.values)
        if seen.transparent is not None:
            self._transparent.append(seen.transparent)
        if seen.lost_place:
            self._unplaced += 1
            if self._unplaced == 1:
                self._first_unplaced = path.name, seen.lost_place
        if seen.uncleaned:
            self._first_uncleaned = self._first_uncleaned or path.name

    def lines(self, total: int) -> list[str]:
        """The lines, when `total` files are done."""
        uncleaned = self._first_uncleaned
        cleaning = [f"{uncleaned} is predicted row by row, without the postprocessing of the run."] if uncleaned else []
        return [*cleaning, *self._scales.lines(total), *transparency_notices(self._transparent), *self._places_lost()]

    def _places_lost(self) -> list[str]:
        """A line about georeferenced TIFFs whose masks are plain pictures."""
        if not self._unplaced:
            return []
        more = f" and {self._unplaced - 1} more" if self._unplaced > 1 else ""
        name, advice = self._first_unplaced
        return [f"{name}{more}: georeferenced, and the mask is not. {advice}"]


class Scales:
    """The files whose values are on another scale than those of training."""

    def __init__(self, trained: ValueRange | None) -> None:
        self._trained = trained
        # Of each scale its first file, the text about it, and how many files there are.
        self._files: dict[str, tuple[pathlib.Path, str, int]] = {}

    def look(self, path: pathlib.Path, found: ValueRange) -> None:
        """Take in the range of a file.

        Raises:
            InputError: the model gives nonsense for such values.
        """
        text = check_scale(path, found, self._trained)
        if text:
            first, line, count = self._files.get(scale_of(found), (path, text, 0))
            self._files[scale_of(found)] = first, line, count + 1

    def lines(self, total: int) -> list[str]:
        """One line for each other scale."""
        return [
            f"{first.name} holds {text}{_alike(count, total)}. Its scale is not changed. {ADVICE}"
            for first, text, count in self._files.values()
        ]


def check_scale(path: pathlib.Path, found: ValueRange | None, trained: ValueRange | None) -> str:
    """How the values of a file differ in scale from those of training, in words; "" if they do not.

    Raises:
        InputError: the model gives nonsense for such values.
    """
    text = difference(found, trained)
    if contradicts(found, trained):
        raise InputError(f"{path}: holds {text}. {ADVICE}")
    return text


def _alike(count: int, total: int) -> str:
    return f" ({count} of {total} files are like this)" if count > 1 else ""
