"""What one mask file says about itself: values, palette, and whether its format changes values."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from keras_seg._validation import InputError
from keras_seg.data.index.reading import read_mask

_BITS_8 = 256
_Color = tuple[int, int, int]


class MaskFacts(NamedTuple):
    """The facts of a mask file.

    Args:
        path: the file.
        size: (height, width).
        counts: dict from value to number of pixels.
        palette: colors of the indices that occur, or None for a file without a palette or with one of plain grays.
        lossy: whether the format changes values, as JPEG and lossy WebP do.
    """

    path: pathlib.Path
    size: tuple[int, ...]
    counts: dict[int, int]
    palette: dict[int, _Color] | None = None
    lossy: bool = False


def mask_facts(path: pathlib.Path, *, colors: Mapping[_Color, int] | None = None) -> MaskFacts:
    """The facts of a mask file, or of the mask that `colors` makes of it.

    Raises:
        InputError: The file cannot be read, or is painted in colors and lossy.
    """
    try:
        mask = read_mask(path, colors=colors)
    except InputError as error:
        if "color" in str(error) and _header(path)[0]:
            raise lossy_ids(path) from error
        raise
    return facts_of(path, mask, painted=colors is not None)


def facts_of(path: pathlib.Path, mask: np.ndarray, *, painted: bool = False) -> MaskFacts:
    """The facts of a mask file whose values are decoded already; `painted` if they come from colors."""
    lossy, palette = _header(path)
    counts = value_counts(mask)
    if palette is None or painted:
        return MaskFacts(path, mask.shape, counts, None, lossy)
    used = {value: palette[value] for value in counts if value < len(palette)}
    grays = all(color == (value,) * 3 for value, color in used.items())
    return MaskFacts(path, mask.shape, counts, None if grays or len(used) < len(counts) else used, lossy)


def lossy_ids(path: pathlib.Path) -> InputError:
    """The error for class ids or colors in a lossy file."""
    return InputError(
        f"{path}: is compressed with loss (JPEG or lossy WebP), which blurs ids and colors into values that no class "
        "has. Export the masks again as PNG from the tool that drew them; converting this file cannot restore them."
    )


def value_counts(mask: np.ndarray) -> dict[int, int]:
    """How often each value occurs."""
    if mask.dtype == np.uint8:
        counts = np.bincount(mask.ravel(), minlength=_BITS_8)  # Twenty times as fast as np.unique.
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(mask, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _header(path: pathlib.Path) -> tuple[bool, list[_Color] | None]:
    """(lossy, colors of the palette or None), without decoding the pixels of a PNG."""
    if path.suffix.lower() == ".npy":
        return False, None
    try:
        with Image.open(path) as image:
            return _is_lossy(path, image), _palette(image)
    except Exception:  # `read_mask` has the message for a broken file.
        return False, None


def _is_lossy(path: pathlib.Path, image: Image.Image) -> bool:
    if image.format == "WEBP":
        return _webp_is_lossy(path)
    return image.format in ("JPEG", "MPO") or image.info.get("compression") in ("jpeg", "tiff_jpeg", "webp")


def _webp_is_lossy(path: pathlib.Path) -> bool:
    """Whether the first image chunk is "VP8 ", the lossy kind."""
    content = path.read_bytes()
    position = 12
    while position + 8 <= len(content):
        name, length = content[position : position + 4], int.from_bytes(content[position + 4 : position + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name == b"VP8 "
        position += 8 + (16 if name == b"ANMF" else length + length % 2)
    return True


def _palette(image: Image.Image) -> list[_Color] | None:
    if image.mode not in ("P", "PA"):
        return None
    palette: Any = image.palette
    if image.format == "PNG" and palette is not None:
        mode, content = palette.getdata()
        flat = list(content) if mode == "RGB" else image.getpalette()
    else:
        flat = image.getpalette()
    flat = flat or []
    return [(flat[i], flat[i + 1], flat[i + 2]) for i in range(0, len(flat) - 2, 3)]
