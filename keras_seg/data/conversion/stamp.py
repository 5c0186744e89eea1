"""The pixels of one object."""

import dataclasses
from collections.abc import Sequence

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stamp:
    """The pixels of one object.

    Args:
        top: int. The row of the first row of `inside`.
        left: int. The column of the first column of `inside`.
        inside: bool array (height, width), which lies in the image completely.
        cut: bool. Whether a part of the object lies outside of the image.
        absent: bool. Whether the file of the object shows none, as black masks do.
    """

    top: int = 0
    left: int = 0
    inside: np.ndarray
    cut: bool = False
    absent: bool = False

    @property
    def window(self) -> tuple[slice, slice]:
        """Where the array lies in the image."""
        height, width = self.inside.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def placed(inside: np.ndarray, corner: tuple[int, int], height: int, width: int) -> Stamp:
    """The part of `inside` that lies in the image, if its first pixel is that of `corner` (column, row)."""
    left, top = corner
    seen = inside[max(0, -top) : max(height - top, 0), max(0, -left) : max(width - left, 0)]
    return Stamp(top=max(top, 0), left=max(left, 0), inside=seen, cut=bool(inside.sum() > seen.sum()))


def cropped(inside: np.ndarray) -> Stamp:
    """The pixels of a map of the whole image."""
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return Stamp(inside=np.zeros((0, 0), bool))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Stamp(top=int(rows[0]), left=int(columns[0]), inside=inside[window].copy())


def joined(stamps: Sequence[Stamp], height: int, width: int) -> Stamp:
    """The pixels of one object in several parts."""
    if len(stamps) == 1:
        return stamps[0]
    whole = np.zeros((height, width), bool)
    for stamp in stamps:
        whole[stamp.window] |= stamp.inside
    return Stamp(inside=whole, cut=any(stamp.cut for stamp in stamps))
