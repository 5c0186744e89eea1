"""What a scan finds out about an image file."""

import dataclasses
import pathlib
from collections.abc import Sequence

from keras_seg._decoding.decode import file_facts
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.value_range import ValueRange, described, range_of, scale_of, unusual
from keras_seg._text import counted
from keras_seg.data.index.file_listing import some_of
from keras_seg.data.index.image_hashes import ImageHashes, image_hashes
from keras_seg.data.index.reading import StoredImage, read_stored_image


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class ImageFacts:
    """What a scan needs to know about an image.

    Args:
        path: the file.
        file: `FileFacts`.
        dtype: str. "uint8" or "float32".
        values: (smallest, largest) value on the scale 0..255. (0, 255) for 8 bits, and None if it is not known.
        hashes: `ImageHashes`, or None if the image was not decoded.
        opacity: float. The mean opacity, 0..1, of an image whose transparent pixels are blended with white.
    """

    path: pathlib.Path
    file: FileFacts
    dtype: str
    values: ValueRange | None = None
    hashes: ImageHashes | None = None
    opacity: float = 1.0


def image_facts(path: pathlib.Path, *, channels: int, decode: bool) -> ImageFacts:
    """The facts of an image: its pixels decoded once, or the header only."""
    if not decode:
        # Floats hold either bit depth.
        return ImageFacts(path=path, file=file_facts(path), dtype="float32")
    return facts_of_image(path, read_stored_image(path, channels=channels))


def facts_of_image(path: pathlib.Path, image: StoredImage) -> ImageFacts:
    """The facts of an image that is decoded already."""
    return ImageFacts(
        path=path,
        file=image.file,
        dtype=image.values.dtype.name,
        values=range_of(image.values),
        hashes=image_hashes(image.values),
        opacity=image.opacity,
    )


def whole_range(images: Sequence[ImageFacts]) -> ValueRange | None:
    """The range of the values of all images; None if it is not known."""
    ranges = [facts.values for facts in images if facts.values is not None]
    if len(ranges) < len(images):
        return None
    return min(low for low, _ in ranges), max(peak for _, peak in ranges)


def image_notices(images: Sequence[ImageFacts]) -> list[str]:
    """One line for everything about the images that changes what a model sees."""
    return [*range_notices(images), *transparency_notices(images)]


def transparency_notices(images: Sequence[ImageFacts]) -> list[str]:
    """One line about images that are partly transparent, and one about those that are nothing else."""
    parts = (transparent_everywhere(images), partly_transparent(images))
    return [
        f"{counted(len(found), 'image is', 'images are')} {how}: {some_of(facts.path.name for facts in found)}. "
        "If the colors below count, save them without alpha."
        for found, how in zip(parts, _TRANSPARENT, strict=True)
        if found
    ]


_TRANSPARENT = (
    "transparent everywhere, and so read as white",
    "partly transparent, which is blended with white",
)


def transparent_everywhere(images: Sequence[ImageFacts]) -> list[ImageFacts]:
    """The images that hold nothing but transparency."""
    return [facts for facts in images if facts.opacity == 0]


def partly_transparent(images: Sequence[ImageFacts]) -> list[ImageFacts]:
    """The images whose transparent pixels are blended with white."""
    return [facts for facts in images if 0 < facts.opacity < 1]


def range_notices(images: Sequence[ImageFacts]) -> list[str]:
    """One line for each kind of value that is far from the 0..255 that models take, and for images of two scales."""
    first: dict[str, ImageFacts] = {}
    for facts in images:
        if facts.values is not None and any(facts.values):
            first.setdefault(scale_of(facts.values), facts)
    if "0..1" in first and len(first) > 1:
        one, other = first.pop("0..1"), next(iter(first.values()))
        return [
            f"Images have two scales: {one.path.name} holds {described(one.values or (0, 1))}, but {other.path.name} "
            f"{described(other.values or (0, 255))}. Save all images with values in 0..255."
        ]
    notices = []
    takes = "models take 0..255 unless include_preprocessing=False"
    for kind in "uf":
        ranges = [facts.values for facts in images if facts.file.kind == kind and facts.dtype == "float32"]
        known = [found for found in ranges if found is not None]
        if not known:
            continue
        found = min(low for low, _ in known), max(peak for _, peak in known)
        text = unusual(found, kind)
        if text and kind == "u":
            stored = max(round(found[1] * 257), 1)
            fix = "save them as uint8" if stored <= 255 else f"multiply the values by {65535 // stored} and save again"
            text += f" ({stored.bit_length()} bits used): {takes}. If nothing in them is that dark, {fix}."
        elif text:
            text += f": {takes}."
        if text:
            notices.append(f"Images hold {text}")
    return notices
