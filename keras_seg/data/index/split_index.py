"""Divide an index into training and validation examples."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import AnyIndex, DataIndex
from keras_seg.data.index.example_groups import class_presence, group_members
from keras_seg.data.index.file_listing import some_of
from keras_seg.data.index.likeness_groups import joined_by_likeness


def split_index(
    index: AnyIndex,
    *,
    validation_split: float = 0.2,
    seed: int = 0,
    groups: Sequence[Hashable] | str | None = None,
) -> tuple[AnyIndex, AnyIndex]:
    """Divide an index into one for training and one for validation, for folders without a val split.

    The examples are drawn at random. If a class would then be absent from one of the two, others are drawn: a class of
    one image is kept for training, a class of several images is in both parts if possible. Copies of an image, and
    images that look alike, stay in one part. `notices` name the classes for which that is not possible, and warn of
    more images that look alike than a part can take.

    Args:
        index: `FolderIndex` or `InstanceIndex` of at least two examples.
        validation_split: float in (0, 1). Fraction of the examples to validate with; each part gets at least one.
            Defaults to 0.2.
        seed: int >= 0. The same seed gives the same division. Defaults to 0.
        groups: sequence with one key per example, or str, a regular expression that finds the key in the name of the
            image file: its first group, or what it matches. Examples with the same key stay together: images of one
            patient, or frames of one video. Defaults to None, for independent examples.

    Returns:
        (train index, validation index), each in the order of the folder.

    Raises:
        InputError: There are fewer than two examples or groups, an argument is out of range, or an image's name does
            not match the expression.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import scan_folder, write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=10, val=1, image_size=(48, 64))
        ...     train, val = split_index(scan_folder(path, split="train"), validation_split=0.2)
        >>> len(train), len(val)
        (8, 2)
    """
    fraction = _validation.open_share("validation_split", validation_split)
    random = np.random.default_rng(_validation.integer("seed", seed, 0))
    if len(index) < 2:
        raise InputError(f"{index.path}: holds one example, which cannot be divided. Add a val folder or more images.")
    target = min(max(round(fraction * len(index)), 1), len(index) - 1)
    members = group_members(index, groups)
    if len(members) < 2:
        raise InputError(
            f"{index.path}: all {len(index)} examples are in one group, which cannot be divided. Add a val folder, or "
            "choose other `groups`."
        )
    joined, about_alike = joined_by_likeness(index, members, largest=len(index) - target, fewest=2, part="part")
    if len(joined) > 1:  # All images may be copies of one.
        members = joined
    sizes = np.array([len(positions) for positions in members])
    present = class_presence(index)
    held = np.array([present[positions].any(0) for positions in members])
    order = random.permutation(len(members)).tolist()
    chosen = _Draw(order=order, sizes=sizes, held=held, target=target).validation()
    taken = sorted(position for group in chosen for position in members[group])
    rest = sorted(set(range(len(index))) - set(taken))
    train, validation = index.subset(rest), index.subset(taken)
    notices = (*index.notices, *about_alike, *_missing(index, present, rest, taken))
    kept = {"notices": notices, "group_by": groups if isinstance(groups, str) else None}
    return dataclasses.replace(train, **kept), dataclasses.replace(validation, **kept)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Draw:
    """The groups in the order drawn.

    Args:
        order: positions of the groups.
        sizes: examples in each group.
        held: bool array (groups, classes): which classes each group holds.
        target: number of examples to validate with.
    """

    order: Sequence[int]
    sizes: np.ndarray
    held: np.ndarray
    target: int

    def validation(self) -> list[int]:
        """The groups to validate with: the first ones drawn, or if a class would be absent, others in that order."""
        first = self._filled([], keep_classes=False)
        counts = self.held.sum(0)
        inside = self.held[first].sum(0)
        if not ((counts > 0) & (inside == counts)).any() and not ((counts > 1) & (inside == 0)).any():
            return first
        chosen: list[int] = []
        for class_ in sorted(np.flatnonzero(counts > 1), key=lambda id_: counts[id_]):
            if self.held[chosen, class_].any():
                continue
            candidates = [group for group in self.order if self.held[group, class_] and self._fits(chosen, group)]
            # Those with most of the classes that are still to come: few images may have to hold all of them.
            lacking = (counts > 1) & ~self.held[chosen].any(0)
            chosen += sorted(candidates, key=lambda group: -int((self.held[group] & lacking).sum()))[:1]
        return self._filled(chosen) or first[:1]

    def _filled(self, chosen: list[int], *, keep_classes: bool = True) -> list[int]:
        chosen = list(chosen)
        for group in self.order:
            if group not in chosen and self._fits(chosen, group, keep_classes=keep_classes):
                chosen.append(group)
        # Even the smallest group may be larger than twice the target.
        smallest = min(self.order, key=lambda group: self.sizes[group])
        return chosen or ([] if keep_classes else [smallest])

    def _fits(self, chosen: list[int], group: int, *, keep_classes: bool = True) -> bool:
        """Whether the target comes closer, and every class that the group holds stays in training."""
        left = np.ones(len(self.sizes), bool)
        left[[*chosen, group]] = False
        now, added = int(self.sizes[chosen].sum()), int(self.sizes[group])
        if not left.any() or abs(now + added - self.target) >= abs(now - self.target):
            return False
        return not keep_classes or bool(self.held[left][:, self.held[group]].any(0).all())


def _missing(index: DataIndex, present: np.ndarray, train: Sequence[int], validation: Sequence[int]) -> list[str]:
    names = getattr(index, "class_names", None) or ("objects",)
    total = present.any(0)
    lines = []
    for positions, part in ((train, "training"), (validation, "validation")):
        absent = [names[id_] for id_ in np.flatnonzero(total & ~present[positions].any(0))]
        if absent:
            lines.append(
                f"Not in the {part} images, because too few images or groups hold it: {some_of(absent, shown=6)}."
            )
    return lines
