"""Boundaries of label maps, for all classes at once: a pixel has one class, so one map of ids holds them all.

Maps are int32 (batch, height, width). Ids below 0 mark pixels that do not count; where they do not, both maps must hold
them, so that the rim of such a region is a boundary in both.
"""

import math

from keras import ops

from keras_seg import _validation
from keras_seg._types import Tensor

# Class sets are bits of an int32; the sign bit is left alone.
_BITS = 30


def pixels_of_diagonal(share: float, ids: Tensor, argument: str) -> float:
    """`share` of the diagonal of the maps, in pixels; `argument` is what the user can give where no size is known."""
    height, width = ids.shape[1:3]
    if height is None or width is None:
        _validation.fail(
            "y_true",
            "must have a known height and width when a graph is made, as the width of a boundary is a share of the "
            "diagonal",
            tuple(ids.shape),
            f"Give it in pixels: {argument}=3, or batch images of one size.",
        )
    return share * math.hypot(height, width)


def contour(ids: Tensor, *, image_border: bool) -> Tensor:
    """Which pixels have another id among their eight neighbors; with `image_border` the outside is another id too."""
    if image_border:
        padded = ops.pad(ids, [[0, 0], [1, 1], [1, 1]], constant_values=-2)
    else:
        padded = ops.concatenate([ids[:, :1], ids, ids[:, -1:]], axis=1)
        padded = ops.concatenate([padded[:, :, :1], padded, padded[:, :, -1:]], axis=2)
    beside = padded[:, :, 1:] != padded[:, :, :-1]
    row = ops.logical_or(beside[:, :, 1:], beside[:, :, :-1])
    rows = ops.logical_or(ops.logical_or(row[:, :-2], row[:, 1:-1]), row[:, 2:])
    column = padded[:, :, 1:-1]
    below = column[:, 1:] != column[:, :-1]
    return ops.logical_or(rows, ops.logical_or(below[:, 1:], below[:, :-1]))


def band(ids: Tensor, distance: int, *, image_border: bool) -> Tensor:
    """Which pixels an erosion of their class by a square of side `2 distance + 1` takes away.

    Eroding by 1 and then by the rest is eroding at once: such a pixel has a contour pixel, of whatever class, within
    `distance - 1` rows and columns.
    """
    return _any_within(contour(ids, image_border=image_border), distance - 1)


def _any_within(mask: Tensor, distance: int) -> Tensor:
    """Whether some pixel within `distance` rows and columns is True. Windows double, so it takes log2 of the width."""
    for axis in (1, 2):
        margins = [[0, 0]] * 3
        margins[axis] = [distance, distance]
        mask, width = ops.pad(mask, margins, constant_values=False), 1
        while width < 2 * distance + 1:
            step = min(width, 2 * distance + 1 - width)
            shifted = (mask[:, step:], mask[:, :-step]) if axis == 1 else (mask[:, :, step:], mask[:, :, :-step])
            mask, width = ops.logical_or(*shifted), width + step
    return mask


def matched(own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], *, num_classes: int, tolerance: float) -> Tensor:
    """Which contour pixels of `own` have a contour pixel of the same class in `other`, at most `tolerance` pixels away.

    Each map is a pair (contour pixels, class ids). Distances are Euclidean, and one pixel may match several.
    """
    (contours, ids), (others, other_ids) = own, other
    found = ops.zeros_like(contours)
    for first in range(0, num_classes, _BITS):
        bits = _class_bits(contours, ids, first, num_classes)
        near = _union_within(_class_bits(others, other_ids, first, num_classes), tolerance)
        found = ops.logical_or(found, ops.bitwise_and(bits, near) != 0)
    return found


def _class_bits(mask: Tensor, ids: Tensor, first: int, num_classes: int) -> Tensor:
    """A bit for the class of each pixel of the mask, for the classes `first` to `first + 29`; 0 elsewhere."""
    last = min(first + _BITS, num_classes)
    inside = ops.logical_and(mask, ops.logical_and(ids >= first, ids < last))
    position = ops.where(inside, ids - first, 0)
    return ops.where(inside, ops.left_shift(ops.ones_like(position), position), 0)


def _union_within(bits: Tensor, radius: float) -> Tensor:
    """The bits of all pixels at most `radius` away. A disk is a stack of rows, widest in the middle."""
    reach = int(radius)
    _, height, width = ops.shape(bits)
    padded = ops.pad(bits, [[0, 0], [reach, reach], [reach, reach]])
    row = padded[:, :, reach : reach + width]
    union = ops.zeros_like(bits)
    for half in range(reach + 1):
        if half:
            left, right = reach - half, reach + half
            row = ops.bitwise_or(row, padded[:, :, left : left + width])
            row = ops.bitwise_or(row, padded[:, :, right : right + width])
        for offset in range(-reach, reach + 1):
            if int(math.sqrt(radius**2 - offset**2)) == half:
                union = ops.bitwise_or(union, row[:, reach + offset : reach + offset + height])
    return union
