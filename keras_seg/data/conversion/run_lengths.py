"""Masks stored as the lengths of runs of zeros and ones."""

from collections.abc import Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.labeled_image import Stamp


def column_runs_stamp(counts: object, height: int, width: int, *, where: str) -> Stamp:
    """The pixels of COCO's run lengths: down the columns, beginning with zeros."""
    runs = _checked(_unpacked(counts, where) if isinstance(counts, (str, bytes)) else counts, height * width, where)
    return _cropped(_filled(runs).reshape(width, height).T)


def row_runs_stamp(counts: object, box: tuple[int, int, int, int], height: int, width: int, *, where: str) -> Stamp:
    """The pixels of CVAT's run lengths: along the rows of a box (left, top, width, height), beginning with zeros."""
    left, top, columns, rows = box
    if rows < 1 or columns < 1 or rows * columns > 4 * height * width:
        raise InputError(f"{where}: the box of the mask, {rows}x{columns}, does not fit its image, {height}x{width}.")
    inside = _filled(_checked(counts, rows * columns, where)).reshape(rows, columns)
    y0, x0 = max(0, -top), max(0, -left)
    seen = inside[y0 : max(height - top, 0), x0 : max(width - left, 0)]
    cut = bool(inside.sum() > seen.sum())
    return Stamp(top=max(top, 0), left=max(left, 0), inside=seen, cut=cut)


def _filled(runs: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(runs)) % 2 == 1, runs)


def _checked(counts: object, total: int, where: str) -> np.ndarray:
    try:
        runs = np.asarray(counts)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{where}: the run lengths are not whole numbers. Export the labels again.") from error
    if runs.ndim != 1 or (runs.size and runs.dtype.kind not in "iu"):
        raise InputError(f"{where}: the run lengths are not whole numbers. Export the labels again.")
    # Compared as Python numbers: the sum of hostile counts overflows.
    if (runs < 0).any() or sum(runs.tolist()) != total:
        raise InputError(
            f"{where}: the run lengths do not add up to {total} pixels (height x width). Export the labels again."
        )
    return runs.astype("int64")


def _unpacked(text: str | bytes, where: str) -> Sequence[int]:
    """COCO's string: six bits per character, five of them of a number; from the third on, numbers are differences."""
    try:
        values = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError as error:
        raise InputError(f"{where}: the run lengths are not in COCO's code. Export the labels again.") from error
    counts: list[int] = []
    value = shift = 0
    for character in values:
        code = character - 48
        if not 0 <= code < 64 or shift > 60:
            raise InputError(f"{where}: the run lengths are not in COCO's code. Export the labels again.")
        value |= (code & 31) << shift
        shift += 5
        if not code & 32:
            if code & 16:
                value -= 1 << shift
            counts.append(value + counts[-2] if len(counts) > 2 else value)
            value = shift = 0
    return counts


def _cropped(inside: np.ndarray) -> Stamp:
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        return Stamp(inside=np.zeros((0, 0), bool))
    window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    return Stamp(top=int(rows[0]), left=int(columns[0]), inside=inside[window].copy())
