"""Size, dtype and range of an image file."""

import pathlib
from typing import NamedTuple

from keras_seg.data.index.reading import image_size, read_image


class ImageFacts(NamedTuple):
    """What a scan needs to know about an image."""

    size: tuple[int, int]
    dtype: str
    peak: float


def image_facts(path: pathlib.Path, *, channels: int, decode: bool) -> ImageFacts:
    """The facts of an image: its pixels decoded, or the header only."""
    if not decode:
        # Floats hold either bit depth.
        return ImageFacts(image_size(path), "float32", 255.0)
    image = read_image(path, channels=channels)
    height, width = image.shape[:2]
    # The peak of a uint8 image says nothing about its scale.
    peak = float(image.max()) if image.dtype.name == "float32" else 255.0
    return ImageFacts((height, width), image.dtype.name, peak)
