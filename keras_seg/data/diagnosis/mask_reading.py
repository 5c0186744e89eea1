"""A mask file decoded once, whether it holds ids or colors."""

import pathlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from keras_seg._validation import InputError
from keras_seg.data.diagnosis.pair_facts import Rgb
from keras_seg.data.index.reading import read_mask

_COLOR_MODES = ("RGB", "RGBA", "RGBX", "RGBa")


class MaskContent(NamedTuple):
    """`values` (height, width), or None for colors; `packed`: 65536 red + 256 green + blue, or None for ids."""

    values: np.ndarray | None
    packed: np.ndarray | None
    jpeg: bool

    @property
    def pixels(self) -> np.ndarray:
        """The values, or the colors as numbers."""
        return self.packed if self.values is None else self.values  # pyright: ignore[reportReturnType]


def read_content(path: pathlib.Path, *, painted: bool) -> MaskContent:
    """The content of a mask file.

    Args:
        path: the file.
        painted: whether masks are known to hold colors, so that gray files are colors too.

    Raises:
        InputError: The file cannot be read as a mask.
    """
    packed, jpeg = _packed_colors(path, painted=painted)
    if packed is None:
        return MaskContent(read_mask(path), None, jpeg)
    gray = (packed & 255) * 0x010101 == packed
    return MaskContent((packed & 255).astype(np.uint8) if gray.all() else None, packed, jpeg)


def unpacked(packed: int) -> Rgb:
    """(red, green, blue) of a color as a number."""
    return packed >> 16, packed >> 8 & 255, packed & 255


def _packed_colors(path: pathlib.Path, *, painted: bool) -> tuple[np.ndarray | None, bool]:
    if path.suffix.lower() == ".npy":
        return None, False
    try:
        with Image.open(path) as image:
            jpeg = image.format in ("JPEG", "MPO")
            if image.mode not in _COLOR_MODES and not painted:
                return None, jpeg
            image.load()
            array = np.array(ImageOps.exif_transpose(image).convert("RGB")).astype(np.int32)
    # On broken bytes, decoders raise OSError, SyntaxError, struct.error and more. `read_mask` words the error.
    except Exception as error:
        read_mask(path)
        raise InputError(f"{path}: the mask cannot be read ({error}).") from error
    return (array << np.array([16, 8, 0], np.int32)).sum(-1, dtype=np.int32), jpeg
