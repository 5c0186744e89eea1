"""One map of objects from the maps of overlapping tiles."""

import numpy as np

from keras_seg import _validation
from keras_seg.inference.objects.instances import without_small


def stitch_instances(tiles, *, shape=None, threshold=0.5, min_size=0):
    """Put the objects of overlapping tiles together, each once.

    Two objects of two tiles are one where, in the area both tiles show, their intersection over union reaches
    `threshold`; so are those that a third one joins, the most alike first. An object that a tile shows whole is never
    joined with another of that tile: a neighbor that the edge cut off from its seed may look like a part of both. A
    pixel that several tiles show is taken from the one in which it lies deepest, since a net knows least at the edge of
    a tile; edges of the tile that are edges of the whole do not count. The result does not depend on the order of the
    tiles, nor on the numbers in them.

    Decoding tile by tile then gives the objects of the whole, wherever tiles overlap by more than the largest object
    and the net's field of view: the very same where objects stand apart, and up to some pixels of the seam where they
    touch. Small objects are best taken away here (`min_size`) and not in the tiles, where they may be pieces.

    Args:
        tiles: sequence of (ids, (row, column)): an integer map (height, width), 0 for no object, and where in the whole
            its first pixel lies.
        shape: (height, width) of the whole; None for what the tiles span from (0, 0). Pixels of no tile are 0.
        threshold: float in (0, 1]. Defaults to 0.5.
        min_size: int >= 0, pixels; smaller objects are taken away. Defaults to 0.

    Returns:
        int32 array (height, width): 0 for no object, 1, 2, ... in the order of their first pixels.

    Raises:
        InputError: no tiles, tiles that are no integer maps, lie outside the whole or at the same place; an argument
            out of range.

    Examples:
        >>> whole = np.array([[1, 1, 1, 0, 2, 2]])
        >>> tiles = [(whole[:, :4], (0, 0)), (whole[:, 2:] * 7, (0, 2))]
        >>> stitch_instances(tiles).tolist()
        [[1, 1, 1, 0, 2, 2]]
    """
    threshold = _validation.number("threshold", threshold, 0, 1)
    if threshold == 0:
        _validation.fail("threshold", "must be above 0, or all that meets would be one object", threshold)
    min_size = _validation.integer("min_size", min_size, 0)
    tiles = _checked(tiles)
    spanned = tuple(max(origin[axis] + ids.shape[axis] for ids, origin in tiles) for axis in (0, 1))
    shape = spanned if shape is None else _validation.pair("shape", shape)
    if any(spanned[axis] > shape[axis] for axis in (0, 1)):
        _validation.fail("shape", f"must hold all tiles, which reach to {spanned}", shape)
    # Every object of every tile has a number of its own from here on; 0 stays 0.
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


def _checked(tiles):
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
    # From here on the order is that of the places, whatever it was.
    return [(checked[origin], origin) for origin in sorted(checked)]


def _window(ids, origin):
    return tuple(slice(start, start + side) for start, side in zip(origin, ids.shape, strict=True))


def _matches(first, second, threshold):
    """(-intersection over union, number, number) where it reaches the threshold in what both tiles show."""
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
    pairs, counts = np.unique(np.stack([ids[both] for ids in shown]), axis=1, return_counts=True)
    for a, b, common in zip(*pairs.tolist(), counts.tolist(), strict=True):
        union = sizes[0][a] + sizes[1][b] - common
        if common >= threshold * union:
            yield -common / union, a, b


def _depth(tile_shape, origin, shape):
    """How far each pixel lies from the edges of its tile, in rows and columns; edges of the whole are no edges."""
    far = max(shape) + 1
    sides = []
    for side, start, whole in zip(tile_shape, origin, shape, strict=True):
        place = np.arange(side)
        low = place if start > 0 else np.full(side, far)
        high = side - 1 - place if start + side < whole else np.full(side, far)
        sides.append(np.minimum(low, high))
    return np.minimum(sides[0][:, None], sides[1][None])


class _Groups:
    """Numbers that belong together (union-find); a group is named by its smallest."""

    def __init__(self):
        self.parent = [0]
        # Of each group: the tiles it has a part in, and whether one of these parts is whole.
        self.tiles = [{}]

    @property
    def last(self):
        return len(self.parent) - 1

    def add(self, tile, whole):
        """A group for each object of a tile; `whole` says which do not touch its edge."""
        self.parent += range(len(self.parent), len(self.parent) + len(whole))
        self.tiles += ({tile: bool(item)} for item in whole)

    def find(self, number):
        while self.parent[number] != number:
            self.parent[number] = self.parent[self.parent[number]]
            number = self.parent[number]
        return number

    def join(self, one, other):
        """Make one group of those of two numbers, unless some tile shows that they are two."""
        one, other = sorted((self.find(one), self.find(other)))
        first, second = self.tiles[one], self.tiles[other]
        if one == other or any(first[tile] or second[tile] for tile in first.keys() & second.keys()):
            return
        self.parent[other] = one
        self.tiles[one] = first | second

    def table(self):
        return np.array([self.find(number) for number in range(len(self.parent))], "int64")
