"""Images with the same pixels."""

from collections.abc import Iterable
from typing import TypeVar

from keras_seg.data.index.image_hashes import ImageHashes

# A copy is kept in the last of these splits that has it: what is tested on must not be trained on.
_ORDER = (None, "train", "val", "test")
_Item = TypeVar("_Item")


def copies_of_images(items: Iterable[tuple[_Item, str | None, ImageHashes]]) -> list[list[_Item]]:
    """Groups of at least two items whose images have the same pixels; the one to keep comes first.

    Args:
        items: (item, its split, the hashes of its image).
    """
    groups: dict[bytes, list[tuple[_Item, str | None]]] = {}
    for item, split, hashes in items:
        groups.setdefault(hashes.pixels, []).append((item, split))
    several = [group for group in groups.values() if len(group) > 1]
    return [[item for item, _ in sorted(group, key=lambda pair: -_rank(pair[1]))] for group in several]


def _rank(split: str | None) -> int:
    return _ORDER.index(split) if split in _ORDER else 0
