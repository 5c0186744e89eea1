"""What one mask file says about itself: values, palette, and whether its format changes values."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from keras_seg._decoding.file_facts import FileFacts, Pixels
from keras_seg.data.index import black_and_white
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

    @property
    def kind(self) -> str:
        """What the values can be: see `black_and_white.kind_of`."""
        return black_and_white.kind_of(self.counts, lossy=self.lossy)

    @property
    def spoiled(self) -> bool:
        """Whether the values were ids before compression changed them."""
        return self.lossy and self.kind == "ids"


def mask_facts(path: pathlib.Path, *, colors: Mapping[Rgb, int] | None = None) -> MaskFacts:
    """The facts of a mask file, or of the mask that `colors` makes of it.

    Raises:
        InputError: The file cannot be read, or is painted in colors and lossy.
    """
    pixels = decode_mask(path)
    return facts_of(path, mask_ids(path, pixels, colors), pixels, painted=colors is not None)


def facts_of(path: pathlib.Path, ids: np.ndarray, pixels: Pixels, *, painted: bool = False) -> MaskFacts:
    """The facts of a mask file that is decoded already; `painted` if its ids come from colors."""
    file, counts = pixels.facts, value_counts(ids)
    if painted or pixels.palette is None:
        return MaskFacts(path, file, counts)
    palette = [tuple(color) for color in pixels.palette[:, :3].tolist()]
    used = {value: palette[value] for value in counts if value < len(palette)}
    grays = all(color == (value,) * 3 for value, color in used.items())
    return MaskFacts(path, file, counts, None if grays or len(used) < len(counts) else used)


def value_counts(mask: np.ndarray) -> dict[int, int]:
    """How often each value occurs."""
    if mask.dtype == np.uint8:
        counts = np.bincount(mask.ravel(), minlength=_BITS_8)  # Twenty times as fast as np.unique.
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(mask, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
