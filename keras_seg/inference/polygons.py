"""Regions of a label map as polygons along the edges of their pixels."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike


class Polygon(NamedTuple):
    """A connected region of one label, by the lines around it.

    Attributes:
        label: int. The class or object of the region.
        pixels: int. Its area.
        rings: tuple of int arrays (corners, 2) of x and y, each closed without repeating its first corner. The first
            ring surrounds the region, the others are its holes. (0, 0) is the upper left corner of the image, and (1,
            1) the lower right corner of its first pixel.
    """

    label: int
    pixels: int
    rings: tuple[np.ndarray, ...]

    def filled(self, height: int, width: int) -> np.ndarray:
        """The region as a mask.

        Args:
            height: int. That of the label map.
            width: int. That of the label map.

        Returns:
            bool array (height, width).

        Raises:
            InputError: the region reaches beyond this size.
        """
        right, bottom = self.rings[0].max(axis=0).tolist()
        if bottom > height or right > width:
            _validation.fail("height", f"and `width` must hold the region, which reaches to {(bottom, right)}", height)
        changes = np.zeros((height, width + 1), bool)
        for ring in self.rings:
            for (x, y), (next_x, next_y) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
                if x == next_x:
                    changes[min(y, next_y) : max(y, next_y), x] ^= True
        # From left to right, each upright line is where the region begins or ends.
        return np.logical_xor.accumulate(changes, axis=1)[:, :width]


def polygons(labels: ArrayLike, *, ignore: Sequence[int] = (0,), min_pixels: int = 1) -> tuple[Polygon, ...]:
    """The connected regions of a label map as polygons that cover exactly their pixels.

    Pixels of one label are connected along their sides; two that only share a corner are separate regions. Corners lie
    between pixels, so that the area of the rings is the number of pixels, and regions that touch share their edge.

    Args:
        labels: integer array (height, width) of class ids or object numbers.
        ignore: sequence of int. Labels without polygons. Defaults to (0,), the background.
        min_pixels: int >= 1. Smaller regions are left out. Defaults to 1.

    Returns:
        Tuple of `Polygon`, in the order of the labels, and of the first pixels of their regions.

    Raises:
        InputError: `labels` is no integer map (height, width), or an argument is out of range.
        ImportError: SciPy is missing: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> [square] = polygons([[0, 0, 0], [0, 5, 5], [0, 5, 5]])
        >>> square.label, square.pixels, square.rings[0].tolist()
        (5, 4, [[1, 1], [3, 1], [3, 3], [1, 3]])
    """
    values = np.asarray(labels)
    if values.ndim != 2 or values.dtype.kind not in "iub" or not values.size:
        found = (values.shape, str(values.dtype))
        _validation.fail("labels", "must be an integer map (height, width)", found)
    _validation.integer("min_pixels", min_pixels)
    ignored = _validation.ignored_classes(ignore, "ignore")
    ndimage = _validation.optional_import("scipy.ndimage", "boundary", "`polygons`")
    regions, label_of = np.zeros(values.shape, "int64"), [0]
    for label in np.setdiff1d(np.unique(values), np.asarray(ignored, "int64")):
        numbered, count = ndimage.label(values == label)
        regions[numbered > 0] = numbered[numbered > 0] + len(label_of) - 1
        label_of += [int(label)] * count
    sizes = np.bincount(regions.ravel(), minlength=len(label_of))
    rings: list[list[np.ndarray]] = [[] for _ in label_of]
    for region, ring in _rings(regions):
        if sizes[region] >= min_pixels:
            rings[region].append(ring)
    return tuple(
        # The ring around a region turns the other way than those of its holes.
        Polygon(label_of[region], int(sizes[region]), tuple(sorted(found, key=_turning, reverse=True)))
        for region, found in enumerate(rings)
        if found
    )


def _turning(ring: np.ndarray) -> float:
    """Twice the area of a ring; negative for holes."""
    x, y = ring.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def _rings(regions: np.ndarray) -> list[tuple[int, np.ndarray]]:
    """(region, corners) of every closed line around pixels of one number; 0 has none.

    Each pixel has four sides, directed so that the pixel is on their right. Sides between pixels of one region are
    dropped, and the others follow one another from corner to corner.
    """
    height, width = regions.shape
    framed = np.pad(regions, 1)
    inside = framed[1:-1, 1:-1]
    starts, ends, owners = [], [], []
    # (row, column) of the neighbor, and (row, column) of the side's first and last corner.
    for neighbor, first, last in (
        ((0, 1), (0, 0), (0, 1)),
        ((1, 2), (0, 1), (1, 1)),
        ((2, 1), (1, 1), (1, 0)),
        ((1, 0), (1, 0), (0, 0)),
    ):
        beside = framed[neighbor[0] : neighbor[0] + height, neighbor[1] : neighbor[1] + width]
        rows, columns = np.nonzero((inside > 0) & (inside != beside))
        starts.append((rows + first[0]) * (width + 1) + columns + first[1])
        ends.append((rows + last[0]) * (width + 1) + columns + last[1])
        owners.append(rows * width + columns)
    start, end, owner = map(np.concatenate, (starts, ends, owners))
    region = inside.ravel()[owner]
    follower = _followers(region, start, end, owner, corners=(height + 1) * (width + 1))
    found, seen = [], np.zeros(len(start), bool)
    for side in range(len(start)):
        if seen[side]:
            continue
        path = []
        while not seen[side]:
            seen[side] = True
            path.append(side)
            side = follower[side]
        y, x = np.divmod(start[path], width + 1)
        found.append((int(region[side]), _corners(np.stack([x, y], axis=1))))
    return found


def _followers(region: np.ndarray, start: np.ndarray, end: np.ndarray, owner: np.ndarray, *, corners: int) -> list[int]:
    """The side that follows each one: of its region, beginning where it ends.

    Where two pixels of a region meet at a corner only, there are two. The one of the other pixel follows, which makes a
    hole that touches the outside there a ring of its own: a polygon must not touch itself.
    """
    key = region * corners + start
    order = np.argsort(key, kind="stable")
    wanted = region * corners + end
    first = np.searchsorted(key, wanted, sorter=order)
    second = np.minimum(first + 1, len(order) - 1)
    one, other = order[first], order[second]
    take_other = (key[other] == wanted) & (owner[one] == owner)
    return np.where(take_other, other, one).tolist()


def _corners(points: np.ndarray) -> np.ndarray:
    """The points of a ring where it turns, beginning with the first of them by row and column."""
    steps = np.roll(points, -1, axis=0) - points
    turns = (steps != np.roll(steps, 1, axis=0)).any(axis=1)
    kept = points[turns]
    return np.roll(kept, -int(np.lexsort((kept[:, 0], kept[:, 1]))[0]), axis=0)
