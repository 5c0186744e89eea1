"""From the objects of an image to its mask, with a count of what happened on the way."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_seg.data.conversion.labeled_image import VOID, LabeledObject


@dataclasses.dataclass(frozen=True, kw_only=True)
class Painted:
    """The maps of an image and how its objects fared.

    Args:
        mask: int32 array (height, width) of class ids; `VOID` for ignored pixels.
        ids: the class of each object, those that are not visible included.
        instances: int32 array of object numbers, 0 for the background; `VOID` for ignored pixels.
        overlapping: number of objects that share pixels with another one.
        hidden: number of objects that others cover completely.
        cut: number of objects that lie partly outside of the image.
        outside: number of objects that lie outside of it completely.
        empty: number of objects in the image that cover the center of no pixel.
    """

    mask: np.ndarray
    ids: tuple[int, ...]
    instances: np.ndarray
    overlapping: int
    hidden: int
    cut: int
    outside: int
    empty: int


def paint(objects: Sequence[LabeledObject], height: int, width: int, *, large_first: bool) -> Painted:
    """Paint the objects, the first at the bottom. Ignored ones lie below all others."""
    mask = np.zeros((height, width), "int32")
    owner = np.zeros((height, width), "int32")
    stamps = [(item.id_, item.draw(height, width)) for item in objects]
    stamps = [(id_, stamp) for id_, stamp in stamps if not stamp.absent]
    drawn = [(id_, stamp) for id_, stamp in stamps if stamp.inside.any()]
    cut = sum(stamp.cut for _, stamp in drawn)
    outside = sum(stamp.cut for _, stamp in stamps) - cut
    order = [pair for pair in drawn if pair[0] == VOID]
    areas = [pair for pair in drawn if pair[0] != VOID]
    if large_first:
        areas.sort(key=lambda pair: -int(pair[1].inside.sum()))
    for _, stamp in order:
        mask[stamp.window][stamp.inside] = VOID
        owner[stamp.window][stamp.inside] = VOID
    shared = set()
    for number, (id_, stamp) in enumerate(areas, 1):
        below = owner[stamp.window]
        covered = below[stamp.inside & (below > 0)]
        if covered.size:
            shared |= {number, *np.unique(covered).tolist()}
        below[stamp.inside] = number
        mask[stamp.window][stamp.inside] = id_
    left = np.count_nonzero(np.unique(owner) > 0)
    # An object of the class background erases what lies below it, and is no object itself.
    erased = np.flatnonzero([id_ == 0 for id_, _ in areas]) + 1
    owner[np.isin(owner, erased)] = 0
    return Painted(
        mask=mask,
        ids=tuple(id_ for id_, _ in stamps if id_ != VOID),
        instances=owner,
        overlapping=len(shared),
        hidden=len(areas) - int(left),
        cut=cut,
        outside=outside,
        empty=len(stamps) - len(drawn) - outside,
    )
