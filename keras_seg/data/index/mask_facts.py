"""What one mask file says about itself: values, palette, and whether its format changes values."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from keras_seg._decoding.decode import file_facts
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._validation import InputError
from keras_seg.data.index.reading import read_stored_mask

_BITS_8 = 256
_Color = tuple[int, int, int]


class MaskFacts(NamedTuple):
    """The facts of a mask file.

    Args:
        path: the file.
        file: `FileFacts`.
        counts: dict from value to number of pixels.
        palette: colors of the indices that occur, or None for a file without a palette or with one of plain grays.
    """

    path: pathlib.Path
    file: FileFacts
    counts: dict[int, int]
    palette: dict[int, _Color] | None = None

    @property
    def lossy(self) -> bool:
        """Whether the format changes values, as JPEG and lossy WebP do."""
        return self.file.lossy


def mask_facts(path: pathlib.Path, *, colors: Mapping[_Color, int] | None = None) -> MaskFacts:
    """The facts of a mask file, or of the mask that `colors` makes of it.

    Raises:
        InputError: The file cannot be read, or is painted in colors and lossy.
    """
    try:
        mask, file = read_stored_mask(path, colors=colors)
    except InputError as error:
        if "color" in str(error) and _is_lossy(path):
            raise lossy_ids(path) from error
        raise
    return facts_of(path, mask, file, painted=colors is not None)


def facts_of(path: pathlib.Path, mask: np.ndarray, file: FileFacts, *, painted: bool = False) -> MaskFacts:
    """The facts of a mask file whose values are decoded already; `painted` if they come from colors."""
    counts = value_counts(mask)
    palette = None if painted or not file.palette else _palette(path)
    if palette is None:
        return MaskFacts(path, file, counts)
    used = {value: palette[value] for value in counts if value < len(palette)}
    grays = all(color == (value,) * 3 for value, color in used.items())
    return MaskFacts(path, file, counts, None if grays or len(used) < len(counts) else used)


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


def _is_lossy(path: pathlib.Path) -> bool:
    try:
        return file_facts(path, "mask").lossy
    except InputError:  # The caller has the message for a broken file.
        return False


def _palette(path: pathlib.Path) -> list[_Color] | None:
    """The colors of a file's palette, from its header."""
    with Image.open(path) as image:
        return _colors(image)


def _colors(image: Image.Image) -> list[_Color] | None:
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
