"""Maps of objects that a scan has read, so that what comes next does not read their many files again."""

import pathlib
from typing import NamedTuple

import numpy as np

# Of packed maps. The 664 images of the Data Science Bowl take 12 MB.
_BUDGET = 32 << 20


class PackedMap(NamedTuple):
    """A map (height, width) as runs of equal numbers."""

    shape: tuple[int, ...]
    lengths: np.ndarray
    values: np.ndarray


class KeptMaps:
    """Packed maps by file or folder.

    Args:
        budget: int. Bytes that the packed maps may take.
    """

    def __init__(self, budget: int = _BUDGET):
        self._left = budget
        self._packed: dict[pathlib.Path, PackedMap] = {}

    def packed(self, ids: np.ndarray) -> PackedMap | None:
        """A map (height, width) to `keep`, or None if there is no room for it."""
        flat = ids.reshape(-1)
        ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
        lengths, values = np.diff(ends, prepend=0).astype(np.int32), flat[ends - 1]
        needed = lengths.nbytes + values.nbytes
        if needed > self._left:  # Threads may exceed it by a map each.
            return None
        self._left -= needed
        return PackedMap(ids.shape, lengths, values)

    def keep(self, path: pathlib.Path, packed: PackedMap) -> None:
        """Keep a map that was `packed`, here or in another process."""
        self._packed[path] = packed

    def get(self, path: pathlib.Path) -> np.ndarray | None:
        """The map, or None if it was not kept."""
        found = self._packed.get(path)
        if found is None:
            return None
        shape, lengths, values = found
        return np.repeat(values, lengths).reshape(shape)
