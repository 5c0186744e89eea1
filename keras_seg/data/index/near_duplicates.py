"""Groups of images that look alike, found in near-linear time."""

from collections.abc import Iterator, Sequence

import numpy as np

from keras_seg.data.index.image_hashes import ImageHashes

DISTANCE = 4
# One more than the distance: two hashes that differ in four bits agree in one of five bands.
_BANDS = ((0, 13), (13, 13), (26, 13), (39, 13), (52, 12))
# Sorted neighbors to compare with, in a band that very many hashes share.
_NEIGHBORS = 2000
_MIN_CONTRAST = 4.0
_MEAN_DIFFERENCE, _MAX_DIFFERENCE = 6.0, 32.0


def near_duplicates(hashes: Sequence[ImageHashes]) -> list[list[int]]:
    """Groups of positions of images that look alike, directly or through others of the group.

    The difference hashes of 64 bits may differ in four; the thumbnails must then agree in every part of the picture up
    to a small difference in gray, after removing one of overall brightness. Images without contrast are skipped, and
    so are images of equal pixels, except for the first.

    Args:
        hashes: those of the images.
    """
    if not hashes:
        return []
    first_of = {item.pixels: position for position, item in reversed(list(enumerate(hashes)))}
    positions = np.array(sorted(first_of.values()), np.int64)
    # As bytes: floats of all images would take more memory than everything else that is kept about them.
    thumbs = [np.frombuffer(hashes[i].thumbnail, np.uint8) for i in positions]
    seen = np.flatnonzero([thumb.std() >= _MIN_CONTRAST for thumb in thumbs])
    shapes = np.array([hashes[positions[i]].shape for i in seen], np.uint64)
    group = list(range(len(seen)))

    def root(item: int) -> int:
        while group[item] != item:
            group[item] = group[group[item]]
            item = group[item]
        return item

    for one, other in _close(shapes):
        # Only what joins two groups is compared, so that a video takes no memory per pair of frames.
        if root(one) != root(other) and _alike(thumbs[seen[one]], thumbs[seen[other]]):
            group[root(other)] = root(one)
    members: dict[int, list[int]] = {}
    for item in range(len(seen)):
        members.setdefault(root(item), []).append(int(positions[seen[item]]))
    return sorted(sorted(found) for found in members.values() if len(found) > 1)


def _close(hashes: np.ndarray) -> Iterator[tuple[int, int]]:
    """Positions of hashes at a distance of at most `DISTANCE`; some of them more than once."""
    for start, width in _BANDS:
        band = (hashes >> np.uint64(start)) & np.uint64((1 << width) - 1)
        order = np.lexsort((hashes, band))
        bounds = np.flatnonzero(np.diff(band[order])) + 1
        for bucket in np.split(order, bounds):
            values = hashes[bucket]
            for row in range(len(bucket) - 1):
                end = row + 1 + _NEIGHBORS
                near = np.flatnonzero(_distance(values[row], values[row + 1 : end]) <= DISTANCE)
                yield from ((int(bucket[row]), int(bucket[row + 1 + other])) for other in near)


def _distance(one: np.uint64, many: np.ndarray) -> np.ndarray:
    return _BITS[(one ^ many).view(np.uint16).reshape(-1, 4)].sum(1)


_BITS = np.array([value.bit_count() for value in range(1 << 16)], np.uint8)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    difference = np.abs((one - one.mean()) - (other - other.mean()))
    return bool(difference.mean() <= _MEAN_DIFFERENCE and difference.max() <= _MAX_DIFFERENCE)
