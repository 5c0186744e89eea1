"""Groups of examples, joined where they hold images that are copies of each other or look alike."""

from collections.abc import Sequence

from keras_seg._text import counted
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.near_duplicates import near_duplicates


def joined_by_likeness(
    index: DataIndex, members: list[list[int]], *, largest: int, fewest: int, part: str
) -> tuple[list[list[int]], list[str]]:
    """The groups, joined where they hold copies of one image or images that look alike, and lines about the latter.

    Frames of a video look alike one after the other: together they may be more than a part can take, and are divided.

    Args:
        index: the index.
        members: positions in each group.
        largest: int. Groups of images that look alike are not joined beyond this number of examples.
        fewest: int. Nor to fewer groups than this.
        part: str. What groups are divided into, for the lines: "fold".
    """
    if not index.image_hashes:
        return members, []
    groups = _Groups(members)
    copies: dict[bytes, list[int]] = {}
    for position, hashes in enumerate(index.image_hashes):
        copies.setdefault(hashes.pixels, []).append(position)
    for positions in copies.values():
        groups.join(positions)
    # Images that one group holds already need no joining.
    apart = [positions for positions in near_duplicates(index.image_hashes) if len(groups.of(positions)) > 1]
    kept, divided = [], []
    for positions in sorted(apart, key=len):
        fits = groups.size(positions) <= largest and groups.count - len(groups.of(positions)) + 1 >= fewest
        (kept if fits else divided).append(positions)
        if fits:
            groups.join(positions)
    return groups.members(), _about_alike(index, kept, divided, part)


class _Groups:
    """Groups of positions, which can be joined."""

    def __init__(self, members: list[list[int]]) -> None:
        self._members = members
        self._group = {position: group for group, positions in enumerate(members) for position in positions}
        self._joined = list(range(len(members)))
        self._sizes = [len(positions) for positions in members]
        self.count = len(members)

    def of(self, positions: Sequence[int]) -> set[int]:
        """The groups that hold these positions."""
        return {self._root(self._group[position]) for position in positions}

    def size(self, positions: Sequence[int]) -> int:
        """How many positions a group would have that holds these and all that are with them."""
        return sum(self._sizes[group] for group in self.of(positions))

    def join(self, positions: Sequence[int]) -> None:
        """Make one group of those that hold these positions."""
        first, *others = sorted(self.of(positions))
        for group in others:
            self._joined[group] = first
            self._sizes[first] += self._sizes[group]
        self.count -= len(others)

    def members(self) -> list[list[int]]:
        """The positions of each group."""
        found: dict[int, list[int]] = {}
        for group, positions in enumerate(self._members):
            found.setdefault(self._root(group), []).extend(positions)
        return list(found.values())

    def _root(self, group: int) -> int:
        while self._joined[group] != group:
            self._joined[group] = self._joined[self._joined[group]]
            group = self._joined[group]
        return group


def _about_alike(index: DataIndex, kept: list[list[int]], divided: list[list[int]], part: str) -> list[str]:
    lines = []
    if kept:
        count = sum(map(len, kept))
        lines.append(f"Each in one {part}: {counted(len(kept), 'group')} of images that look alike ({count} images).")
    if divided:
        first, other = (index.pairs[position].image.name for position in divided[0][:2])
        lines.append(
            f"Warning: {sum(map(len, divided))} images look alike, such as {first} and {other}, and are too many for "
            f"one {part}, so they are in several: scores are too high if they show one scene. Give their groups then, "
            "by a pattern that finds scene, video or patient in the names."
        )
    return lines
