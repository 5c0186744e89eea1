"""What one mask file says about itself: values, palette, and whether its format changes values."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg._validation import InputError
from keras_seg.data.index.mask_ids import Rgb, mask_ids
from keras_seg.data.index.reading import decode_mask

_BITS_8 = 256


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
    palette: dict[int, Rgb] | None = None

    @property
    def lossy(self) -> bool:
        """Whether the format changes values, as JPEG and lossy WebP do."""
        return self.file.lossy


def mask_facts(path: pathlib.Path, *, colors: Mapping[Rgb, int] | None = None) -> MaskFacts:
    """The facts of a mask file, or of the mask that `colors` makes of it.

    Raises:
        InputError: The file cannot be read, or is painted in colors and lossy.
    """
    pixels = decode_mask(path)
    try:
        ids = mask_ids(path, pixels, colors)
    except InputError as error:
        if "color" in str(error) and pixels.facts.lossy:
            raise lossy_ids(path) from error
        raise
    return facts_of(path, ids, pixels, painted=colors is not None)


def facts_of(path: pathlib.Path, ids: np.ndarray, pixels: Pixels, *, painted: bool = False) -> MaskFacts:
    """The facts of a mask file that is decoded already; `painted` if its ids come from colors."""
    file, counts = pixels.facts, value_counts(ids)
    if painted or pixels.palette is None:
        return MaskFacts(path, file, counts)
    palette = [tuple(color) for color in pixels.palette[: pixels.palette_size, :3].tolist()]
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
