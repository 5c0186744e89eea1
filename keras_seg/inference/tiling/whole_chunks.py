"""Rows gathered to whole chunks."""

from collections.abc import Iterable, Iterator

import numpy as np


def whole_chunks(parts: Iterable[tuple[int, np.ndarray]], rows: int) -> Iterator[tuple[int, np.ndarray]]:
    """Pieces of a number of rows, the last one of fewer, from consecutive pieces of any number.

    A chunk that is written in parts is read, changed and written once for each of them, and a process that is killed
    meanwhile may leave one that cannot be read.

    Args:
        parts: iterable of (first row, array of rows), each of which begins where the one before ends.
        rows: int, the rows of a piece.

    Yields:
        (first row, array of rows), which changes when the next is asked for.
    """
    held, filled, top = np.empty(0), 0, 0
    for start, part in parts:
        if len(held) != rows:
            held = np.empty((rows, *part.shape[1:]), part.dtype)
        taken = 0
        while taken < len(part):
            count = min(rows - filled, len(part) - taken)
            held[filled : filled + count] = part[taken : taken + count]
            filled, taken = filled + count, taken + count
            top = start + taken
            if filled == rows:
                yield top - rows, held
                filled = 0
    if filled:
        yield top - filled, held[:filled]
