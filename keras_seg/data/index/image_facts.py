"""What a scan finds out about an image file."""

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_seg._decoding.decode import file_facts
from keras_seg._decoding.file_facts import FileFacts
from keras_seg.data.index.image_hashes import ImageHashes, image_hashes
from keras_seg.data.index.reading import read_stored_image

# 14 of 16 bits: nothing brighter than a quarter of white.
_FAINT = 64


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """What a scan needs to know about an image.

    Args:
        file: `FileFacts`.
        dtype: str. "uint8" or "float32".
        low: float. The smallest value, on the scale 0..255; 0 if it is not known.
        peak: float. The largest value, on the scale 0..255; 255 if it is not known.
        hashes: `ImageHashes`, or None if the image was not decoded.
    """

    file: FileFacts
    dtype: str
    low: float = 0.0
    peak: float = 255.0
    hashes: ImageHashes | None = None


def image_facts(path: pathlib.Path, *, channels: int, decode: bool) -> ImageFacts:
    """The facts of an image: its pixels decoded once, or the header only."""
    if not decode:
        # Floats hold either bit depth.
        return ImageFacts(file=file_facts(path), dtype="float32")
    return facts_of_image(*read_stored_image(path, channels=channels))


def facts_of_image(image: np.ndarray, file: FileFacts) -> ImageFacts:
    """The facts of an image that is decoded already."""
    hashes = image_hashes(image)
    if image.dtype.name != "float32":
        # The peak of a uint8 image says nothing about its scale.
        return ImageFacts(file=file, dtype=image.dtype.name, hashes=hashes)
    return ImageFacts(file=file, dtype="float32", low=float(image.min()), peak=float(image.max()), hashes=hashes)


def range_notices(images: Sequence[ImageFacts]) -> list[str]:
    """One line for each kind of value that is far from the 0..255 that models take."""
    notices = []
    deep = [facts for facts in images if facts.dtype == "float32" and facts.file.kind == "u"]
    floats = [facts for facts in images if facts.file.kind == "f"]
    takes = "models take 0..255 unless include_preprocessing=False"
    if deep and (peak := max(facts.peak for facts in deep)) < _FAINT:
        stored = max(round(peak * 257), 1)
        fix = "save them as uint8" if stored <= 255 else f"multiply the values by {65535 // stored} and save them again"
        notices.append(
            f"Images of 16 bits hold values up to {stored} of 65535, which are read as {peak:.3g} of 255 "
            f"({stored.bit_length()} bits used): {takes}. If nothing in them is that dark, {fix}."
        )
    if floats:
        low, peak = min(facts.low for facts in floats), max(facts.peak for facts in floats)
        if peak <= 1:
            notices.append(f"Images hold values up to {peak:g}: {takes}.")
        elif peak > 255 or low < 0:
            notices.append(f"Images hold values from {low:g} to {peak:g}: {takes}.")
    return notices
