"""Maps of objects that a scan has read, so that what comes next does not read their many files again."""

import pathlib

import numpy as np

# Of packed maps. The 664 images of the Data Science Bowl take 12 MB.
_BUDGET = 32 << 20


class KeptMaps:
    """Maps by file or folder, packed as runs of equal numbers, as long as they fit into a fixed amount of memory."""

    def __init__(self, budget: int = _BUDGET):
        self._left = budget
        self._packed: dict[pathlib.Path, tuple[tuple[int, ...], np.ndarray, np.ndarray]] = {}

    def add(self, path: pathlib.Path, ids: np.ndarray) -> None:
        """Keep a map (height, width), if there is room for it."""
        flat = ids.reshape(-1)
        ends = np.append(np.flatnonzero(flat[1:] != flat[:-1]) + 1, flat.size)
        lengths, values = np.diff(ends, prepend=0).astype(np.int32), flat[ends - 1]
        needed = lengths.nbytes + values.nbytes
        if needed <= self._left:  # Threads may exceed it by a map each.
            self._left -= needed
            self._packed[path] = ids.shape, lengths, values

    def get(self, path: pathlib.Path) -> np.ndarray | None:
        """The map, or None if it was not kept."""
        found = self._packed.get(path)
        if found is None:
            return None
        shape, lengths, values = found
        return np.repeat(values, lengths).reshape(shape)
