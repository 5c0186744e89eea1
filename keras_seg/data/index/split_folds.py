"""Divide an index into folds, so that every example is validated once."""

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from keras_seg import _validation
from keras_seg.data.index.data_index import AnyIndex, DataIndex
from keras_seg.data.index.example_groups import class_presence, group_members
from keras_seg.data.index.file_listing import some_of
from keras_seg.data.index.likeness_groups import joined_by_likeness


def split_folds(
    index: AnyIndex,
    *,
    folds: int = 5,
    seed: int = 0,
    groups: Sequence[Hashable] | str | None = None,
) -> list[tuple[AnyIndex, AnyIndex]]:
    """Divide an index into folds: each example is validated in one fold, and trained on in all others.

    The folds are stratified: images of each class, rare classes first, go to the fold that lacks them most. All folds
    have about the same number of examples. Copies of an image, and images that look alike, stay in one fold; `notices`
    warn of more of them than a fold can take, and name the classes that too few images hold.

    Args:
        index: `FolderIndex`, `MultiLabelIndex` or `InstanceIndex` of at least as many examples as folds. In an
            `InstanceIndex`, images with objects take the place of those of a class.
        folds: int >= 2. Number of folds. Defaults to 5.
        seed: int >= 0. The same seed gives the same folds. Defaults to 0.
        groups: sequence with one key per example, or str, a regular expression that finds the key in the name of the
            image file, as for `split_index`. Examples with the same key stay in one fold: images of one patient, or
            frames of one video. Defaults to None, for independent examples.

    Returns:
        List of (train index, validation index), one per fold, each in the order of the folder.

    Raises:
        InputError: There are fewer examples, or groups, than folds, an argument is out of range, or an image's name
            does not match the expression.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import scan_folder, write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=10, val=1, image_size=(48, 64))
        ...     parts = split_folds(scan_folder(path, split="train"), folds=5)
        >>> [(len(train), len(validation)) for train, validation in parts]
        [(8, 2), (8, 2), (8, 2), (8, 2), (8, 2)]

    Reference:
        - [Sechidis et al., 2011](https://doi.org/10.1007/978-3-642-23808-6_10): iterative stratification.
    """
    folds = _validation.integer("folds", folds, 2)
    random = np.random.default_rng(_validation.integer("seed", seed, 0))
    if len(index) < folds:
        fix = f"Choose at most {len(index)} folds, or add images." if len(index) > 1 else "Add images."
        _validation.fail("folds", f"must be at most the number of images, {len(index)} in {index.path}", folds, fix)
    members, about_alike = joined_by_likeness(
        index, group_members(index, groups), largest=len(index) // folds, fewest=folds, part="fold"
    )
    if len(members) < folds:
        what = "groups of images" if groups is not None else "different images"
        fix = f"Choose at most {len(members)} folds." if len(members) > 1 else "There is nothing to divide."
        _validation.fail("folds", f"must be at most the number of {what}, {len(members)} in {index.path}", folds, fix)
    present = class_presence(index)
    held = np.array([present[positions].sum(axis=0) for positions in members])
    sizes = np.array([len(positions) for positions in members])
    fold_of_group = _stratified(held, sizes, folds, random)
    group_by = groups if isinstance(groups, str) else None
    notices = (*index.notices, *about_alike, *_rare(index, held > 0, folds))
    parts = []
    for number in range(folds):
        inside = sorted(
            position
            for group, positions in enumerate(members)
            if fold_of_group[group] == number
            for position in positions
        )
        outside = sorted(set(range(len(index))) - set(inside))
        kept = {"notices": notices, "group_by": group_by, "fold": (number + 1, folds)}
        train, validation = index.subset(outside), index.subset(inside)
        parts.append((dataclasses.replace(train, **kept), dataclasses.replace(validation, **kept)))
    return parts


def _stratified(held: np.ndarray, sizes: np.ndarray, folds: int, random: np.random.Generator) -> np.ndarray:
    """The fold of each group.

    Args:
        held: int array (groups, classes). Examples of each group that hold each class.
        sizes: int array (groups,). Examples in each group.
        folds: int.
        random: generator. Decides between groups and folds that are alike.
    """
    fold_of = np.full(len(held), -1)
    lacking = np.tile(held.sum(axis=0) / folds, (folds, 1))
    filled = np.zeros(folds)
    least, larger = divmod(int(sizes.sum()), folds)
    order, luck = random.permutation(len(held)), random.permutation(folds)

    def put(group: int, class_: int | None) -> None:
        # As many folds hold one example more as there are examples left over.
        most = least + int((filled > least).sum() < larger)
        room = np.flatnonzero(filled + sizes[group] <= most)
        among = room if len(room) else np.flatnonzero(filled == filled.min())
        need = np.zeros(folds) if class_ is None else lacking[:, class_]
        fold = max(among, key=lambda fold: (need[fold].round(9), -filled[fold], luck[fold]))
        fold_of[group] = fold
        filled[fold] += sizes[group]
        lacking[fold] -= held[group]

    while (fold_of < 0).any():
        left = fold_of[order] < 0
        remaining = order[left]
        of_classes = (held[remaining] > 0).sum(axis=0)
        class_ = int(np.argmin(np.where(of_classes > 0, of_classes, len(held) + 1))) if of_classes.any() else None
        chosen = remaining if class_ is None else remaining[held[remaining, class_] > 0]
        # Large groups first, while there is room for them.
        for group in sorted(chosen, key=lambda group: -sizes[group]):
            put(group, class_)
    for fold in range(folds):
        if not (fold_of == fold).any():
            # Groups of very different sizes can leave a fold without any.
            full = np.argmax(np.bincount(fold_of, minlength=folds))
            of_full = np.flatnonzero(fold_of == full)
            fold_of[of_full[np.argmin(sizes[of_full])]] = fold
    return fold_of


def _rare(index: DataIndex, held: np.ndarray, folds: int) -> list[str]:
    """Lines about the classes that are not in every fold."""
    names, counts = getattr(index, "class_names", None) or ("objects",), held.sum(axis=0)
    once = [names[id_] for id_ in np.flatnonzero(counts == 1)]
    seldom = [names[id_] for id_ in np.flatnonzero((counts > 1) & (counts < folds))]
    lines = []
    if once:
        lines.append(
            "In one image or group only, so the model that is validated on it was not trained on it: "
            f"{some_of(once, shown=6)}."
        )
    if seldom:
        lines.append(f"In fewer images or groups than there are folds: {some_of(seldom, shown=6)}.")
    return lines
