"""Masks stored as the lengths of runs of zeros and ones."""

from collections.abc import Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.stamp import Stamp, cropped, placed


def column_runs_stamp(counts: object, height: int, width: int, *, where: str) -> Stamp:
    """The pixels of COCO's run lengths: down the columns, beginning with zeros."""
    runs = _checked(_unpacked(counts, where) if isinstance(counts, (str, bytes)) else counts, height * width, where)
    return cropped(_filled(runs).reshape(width, height).T)


def row_runs_stamp(counts: object, box: tuple[int, int, int, int], height: int, width: int, *, where: str) -> Stamp:
    """The pixels of CVAT's run lengths: along the rows of a box (left, top, width, height), beginning with zeros."""
    left, top, columns, rows = box
    if rows < 1 or columns < 1 or rows * columns > 4 * height * width:
        raise InputError(f"{where}: the box of the mask, {rows}x{columns}, does not fit its image, {height}x{width}.")
    inside = _filled(_checked(counts, rows * columns, where)).reshape(rows, columns)
    return placed(inside, (left, top), height, width)


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
