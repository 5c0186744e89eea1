"""One map of objects from the maps of overlapping tiles."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._labels.pair_counts import pair_counts
from keras_seg._types import ArrayLike
from keras_seg.inference.objects.instances import without_small


def stitch_instances(
    tiles: Sequence[tuple[ArrayLike, tuple[int, int]]],
    *,
    shape: tuple[int, int] | None = None,
    threshold: float = 0.5,
    min_size: int = 0,
) -> np.ndarray:
    """Merge the objects of overlapping tiles into one map.

    Objects of two tiles are one object if their intersection over union, in the area that both tiles cover, reaches
    `threshold`; the pairs that match best are joined first, and chains of pairs become one object. An object that lies
    completely inside a tile is never joined with another of that tile: a neighbor that the edge separated from its seed
    may match both. A pixel that several tiles cover is taken from the tile in which it is farthest from the edge, where
    a model is least reliable; edges of the whole map do not count. The result does not depend on the order of the tiles
    or on the numbers in them.

    If tiles overlap by more than the largest object plus the model's receptive field, the result equals that of
    decoding the whole map, except for pixels near the seam where objects touch. Remove small objects here (`min_size`)
    and not in the tiles, where they may be parts of larger ones.

    Args:
        tiles: sequence of (ids, (row, column)). An integer map (height, width), 0 for no object, and the position of
            its first pixel in the whole.
        shape: (height, width) of the whole, or None for the area that the tiles span from (0, 0). Pixels of no tile are
            0. Defaults to None.
        threshold: float in (0, 1]. Defaults to 0.5.
        min_size: int of at least 0. Pixels; smaller objects are removed. Defaults to 0.

    Returns:
        int32 array (height, width): 0 for no object, 1, 2, ... in the order of their first pixels.

    Raises:
        InputError: if there are no tiles, they are no integer maps, lie outside the whole or at the same position, or
            an argument is out of range.

    Examples:
        >>> whole = np.array([[1, 1, 1, 0, 2, 2]])
        >>> tiles = [(whole[:, :4], (0, 0)), (whole[:, 2:] * 7, (0, 2))]
        >>> stitch_instances(tiles).tolist()
        [[1, 1, 1, 0, 2, 2]]
    """
    threshold = _validation.number("threshold", threshold, 0, 1)
    if threshold == 0:
        _validation.fail("threshold", "must be above 0, or all objects that meet would be one", threshold)
    min_size = _validation.integer("min_size", min_size, 0)
    tiles = _checked(tiles)
    spanned = tuple(max(origin[axis] + ids.shape[axis] for ids, origin in tiles) for axis in (0, 1))
    shape = spanned if shape is None else _validation.pair("shape", shape)
    if any(spanned[axis] > shape[axis] for axis in (0, 1)):
        _validation.fail("shape", f"must hold all tiles, which reach to {spanned}", shape)
    # From here on the objects of all tiles have distinct numbers; 0 stays 0.
    numbered, groups = [], _Groups()
    for position, (ids, origin) in enumerate(tiles):
        compact = without_small(ids, 0).astype("int64")
        cut = np.unique(compact[_depth(ids.shape, origin, shape) == 0])
        numbered.append((np.where(compact > 0, compact + groups.last, 0), origin))
        groups.add(position, ~np.isin(np.arange(1, compact.max(initial=0) + 1), cut))
    matches = []
    for position, first in enumerate(numbered):
        for second in numbered[position + 1 :]:
            matches += _matches(first, second, threshold)
    for _, one, other in sorted(matches):
        groups.join(one, other)
    table = groups.table()
    result, depth = np.zeros(shape, "int64"), np.full(shape, -1, "int64")
    for ids, origin in numbered:
        window = _window(ids, origin)
        own = _depth(ids.shape, origin, shape)
        deeper = own > depth[window]
        result[window][deeper] = table[ids][deeper]
        depth[window][deeper] = own[deeper]
    return without_small(result, min_size)


def _checked(tiles: Any) -> list[tuple[np.ndarray, tuple[int, int]]]:
    try:
        tiles = [(np.asarray(ids), tuple(origin)) for ids, origin in tiles]
    except (TypeError, ValueError):
        tiles = []
    if not tiles:
        _validation.fail("tiles", "must be a sequence of (ids, (row, column)), at least one", type(tiles).__name__)
    checked = {}
    for ids, origin in tiles:
        if ids.ndim != 2 or ids.dtype.kind not in "iub" or (ids.size and ids.min() < 0):
            found = (ids.shape, str(ids.dtype))
            _validation.fail("tiles", "must hold integer maps (height, width) of numbers of at least 0", found)
        origin = _validation.pair("tiles", origin, 0)
        if origin in checked:
            _validation.fail("tiles", "must not hold two tiles at the same place", origin, "Drop one of them.")
        checked[origin] = ids
    # Sorted by position, so that the order of the argument does not matter.
    return [(checked[origin], origin) for origin in sorted(checked)]


def _window(ids: np.ndarray, origin: tuple[int, int]) -> tuple[slice, ...]:
    return tuple(slice(start, start + side) for start, side in zip(origin, ids.shape, strict=True))


def _matches(
    first: tuple[np.ndarray, tuple[int, int]], second: tuple[np.ndarray, tuple[int, int]], threshold: float
) -> Iterator[tuple[float, int, int]]:
    """(-intersection over union, number, number) of the pairs that reach the threshold in the shared area."""
    start = [max(a, b) for a, b in zip(first[1], second[1], strict=True)]
    stop = [
        min(first[1][axis] + first[0].shape[axis], second[1][axis] + second[0].shape[axis]) for axis in (0, 1)
    ]  # fmt: skip
    if any(low >= high for low, high in zip(start, stop, strict=True)):
        return
    shown = [
        ids[tuple(slice(low - o, high - o) for low, high, o in zip(start, stop, origin, strict=True))].ravel()
        for ids, origin in (first, second)
    ]
    sizes = [dict(zip(*(part.tolist() for part in np.unique(ids, return_counts=True)), strict=True)) for ids in shown]
    both = (shown[0] > 0) & (shown[1] > 0)
    found = pair_counts(*(ids[both] for ids in shown))
    for a, b, common in zip(*(part.tolist() for part in found), strict=True):
        union = sizes[0][a] + sizes[1][b] - common
        if common >= threshold * union:
            yield -common / union, a, b


def _depth(tile_shape: tuple[int, ...], origin: tuple[int, int], shape: tuple[int, int]) -> np.ndarray:
    """The distance of each pixel from the nearest edge of its tile; edges of the whole do not count."""
    far = max(shape) + 1
    sides = []
    for side, start, whole in zip(tile_shape, origin, shape, strict=True):
        place = np.arange(side)
        low = place if start > 0 else np.full(side, far)
        high = side - 1 - place if start + side < whole else np.full(side, far)
        sides.append(np.minimum(low, high))
    return np.minimum(sides[0][:, None], sides[1][None])


class _Groups:
    """Groups of numbers of the same object (union-find); the smallest number stands for a group."""

    def __init__(self) -> None:
        self.parent = [0]
        # For each group, the tiles that have a part of it: True where that part is a complete object.
        self.tiles = [{}]

    @property
    def last(self) -> int:
        return len(self.parent) - 1

    def add(self, tile: int, whole: np.ndarray) -> None:
        """Add a group for each object of a tile; `whole` is True for those that do not touch its edge."""
        self.parent += range(len(self.parent), len(self.parent) + len(whole))
        self.tiles += ({tile: bool(item)} for item in whole)

    def find(self, number: int) -> int:
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        """Join the groups of two numbers, unless a tile holds them as two objects."""
        one, other = sorted((self.find(one), self.find(other)))
        first, second = self.tiles[one], self.tiles[other]
        if one == other or any(first[tile] or second[tile] for tile in first.keys() & second.keys()):
            return
        self.parent[other] = one
        self.tiles[one] = first | second

    def table(self) -> np.ndarray:
        return np.array([self.find(number) for number in range(len(self.parent))], "int64")
