"""Which folders of a data folder belong to a split."""

import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from keras_seg._text import counted
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import some_of
from keras_seg.data.index.folder_roles import SPLITS
from keras_seg.data.index.named_folder import NamedFolder, images_and_masks, shown_name
from keras_seg.data.index.stem_matching import match_stems


def splits_among(folders: Iterable[NamedFolder]) -> tuple[str, ...]:
    """The splits that have images: in a folder named so, or in the split's own folder."""
    held = {f.role.split for f in folders if f.role.kind == "images" or (f.role.kind is None and f.listing.images)}
    return tuple(split for split in SPLITS if split in held)


def is_undivided(folders: Sequence[NamedFolder], found: Sequence[str]) -> bool:
    """Whether the only split is but a word: Training_Images beside Ground_Truth."""
    masks = [folder for folder in folders if folder.role.kind == "masks"]
    return len(found) == 1 and bool(masks) and all(folder.role.split is None for folder in masks)


def of_other_splits(
    root: pathlib.Path, split: str | None, folders: Sequence[NamedFolder], chosen: Sequence[NamedFolder]
) -> list[str]:
    """A line if a folder holds images or masks of its own beside those of splits."""
    taken = {folder.path for folder in chosen}
    left = [f for f in folders if f.path not in taken and f.listing.images]
    left = [f for f in left if (f.role.kind != "masks" if split is None else f.role.split is None)]
    if not left:
        return []
    shown = some_of(f"{shown_name(root, f.path)} ({counted(len(f.listing.images), 'image file')})" for f in left)
    return [f"Not used, because {'it is in a split' if split is None else 'it is in no split'}: {shown}."]


def refuse_two_names(root: pathlib.Path, split: str | None, chosen: Sequence[NamedFolder]) -> None:
    """Refuse a split that is there under two names, such as val and valid."""
    names = sorted({folder.role.split_name for folder in chosen if folder.role.kind != "masks"} - {""})
    if len(names) > 1:
        raise InputError(
            f"{root}: {' and '.join(names)} are both folders of the split {split!r}. Merge them, or rename the one "
            "that is not meant."
        )


def with_shared_masks(chosen: list[NamedFolder], folders: Sequence[NamedFolder]) -> list[NamedFolder]:
    """The folders of a split, with the masks of all splits if it has none of its own."""
    if any(folder.role.kind == "masks" for folder in chosen):
        return chosen
    if any(folder.role.kind is None and images_and_masks(folder) for folder in chosen):
        return chosen
    shared = [folder for folder in folders if folder.role.kind == "masks" and folder.role.split is None]
    others = [f for f in folders if f.role.kind == "images" and f.role.split is not None and f not in chosen]
    own = {file.stem for folder in chosen for file in folder.listing.images}
    taken = {}
    for folder in others:
        for file in folder.listing.images:
            if file.stem in own:
                raise InputError(
                    f"{file}: an image of another split has the same name, and both splits share the masks of "
                    f"{shared[0].path if shared else folder.path}. Give each split its own folder of masks."
                )
            taken[file.stem] = file
    result = list(chosen)
    for folder in shared:
        # The masks of the other splits are not orphans of this one.
        matches = match_stems(list(taken.values()), folder.listing.images, allow_orphans=True)
        elsewhere = {mask for _, mask in matches.pairs}
        images = tuple(file for file in folder.listing.images if file not in elsewhere)
        result.append(NamedFolder(listing=dataclasses.replace(folder.listing, images=images), role=folder.role))
    return result
