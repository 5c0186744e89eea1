"""What a scan finds out about an image with one mask per class."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import IGNORE
from keras_seg._validation import InputError
from keras_seg.data.index.background import is_background
from keras_seg.data.index.exif_choice import check_fits
from keras_seg.data.index.image_facts import ImageFacts
from keras_seg.data.index.object_files import object_and_facts
from keras_seg.data.index.object_pixels import looks_inverted
from keras_seg.data.index.pairs import Pair

# (name of the class, its file).
NamedFile = tuple[str, pathlib.Path]


class ClassFileFacts(NamedTuple):
    """What the masks of an image say.

    Attributes:
        files: (name of the class, file) of each mask.
        facts: `FileFacts` of each file.
        pixels: dict from class to number of pixels.
        inverted: names of files that seem to be black on white.
        constant: names of files that hold one value.
    """

    files: tuple[NamedFile, ...]
    facts: tuple[FileFacts, ...]
    pixels: Mapping[str, int]
    inverted: tuple[str, ...] = ()
    constant: tuple[str, ...] = ()

    @property
    def file(self) -> FileFacts:
        """The facts of the first file."""
        return self.facts[0]


class ClassFiles:
    """The masks of an image, read one by one.

    Args:
        image: `ImageFacts` of the image.
    """

    def __init__(self, image: ImageFacts):
        self._image = image
        self._files: list[NamedFile] = []
        self._facts: list[FileFacts] = []
        self._inverted: list[str] = []
        self._constant: list[str] = []
        # bool arrays (height, width), as stored.
        self.pixels: dict[str, np.ndarray] = {}

    def add(self, name: str, file: pathlib.Path) -> None:
        """Read a mask of a class; several of one class are joined.

        Raises:
            InputError: The file cannot be read, has another size than the image, or does not show one class.
        """
        white, of_file = object_and_facts(file, exif_orientation=IGNORE)
        check_fits(Pair(self._image.path, file), self._image.file, of_file)
        before = self.pixels.get(name)
        if before is not None and before.shape != white.shape:
            raise InputError(f"{file}: has another size than {self._files[0][1].name}, of the same image.")
        self.pixels[name] = white if before is None else before | white
        self._files.append((name, file))
        self._facts.append(of_file)
        shown = f"{file.parent.name}/{file.name}"
        if looks_inverted(white) and not is_background(name):
            self._inverted.append(shown)
        if np.count_nonzero(white) in (0, white.size):
            self._constant.append(shown)

    def facts(self) -> ClassFileFacts:
        """What was found out."""
        counts = {name: int(np.count_nonzero(white)) for name, white in self.pixels.items()}
        return ClassFileFacts(
            files=tuple(self._files),
            facts=tuple(self._facts),
            pixels=counts,
            inverted=tuple(self._inverted),
            constant=tuple(self._constant),
        )
