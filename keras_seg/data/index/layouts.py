"""Which folders of a data folder hold its images and its masks, whatever they are called."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from keras_seg._text import counted
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import existing_folder, some_of, subfolders
from keras_seg.data.index.folder_parts import Part, part_at_other_depths, part_of
from keras_seg.data.index.folder_roles import SPLITS
from keras_seg.data.index.label_tools import LABEL_FILES
from keras_seg.data.index.named_folder import NamedFolder, named_folders, shown_name
from keras_seg.data.index.refusals import SeveralMasksError
from keras_seg.data.index.split_folders import (
    is_undivided,
    of_other_splits,
    refuse_two_names,
    splits_among,
    with_shared_masks,
)

_TEXTS = (".json", ".txt", ".md", ".csv", ".yaml", ".yml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The parts of one split, and one line about everything that is not used."""

    parts: tuple[Part, ...]
    notices: tuple[str, ...]


def find_layout(root: PathLike, *, split: str | None, mask_names: Sequence[str]) -> Layout:
    """The folders of a split, or of an undivided folder.

    Raises:
        InputError: There is no folder of images or of masks, or more than one reading fits.
    """
    root = existing_folder(root)
    if split is not None and split not in SPLITS:
        own = subfolders(root)
        if split.lower() not in own:
            raise no_such_split(root, split, splits_of(root))
        return find_layout(own[split.lower()], split=None, mask_names=mask_names)
    folders = named_folders(root, mask_names)
    found = splits_among(folders)
    if split is not None and split not in found:
        raise no_such_split(root, split, found)
    chosen = [folder for folder in folders if folder.role.split == split]
    refuse_two_names(root, split, chosen)
    if split is None and found and not any(folder.role.kind == "images" for folder in chosen):
        if not is_undivided(folders, found):
            raise split_needed(root, found)
        chosen = folders
    elif split is not None:
        chosen = with_shared_masks(chosen, folders)
    layout = _resolved(root, chosen, mask_names)
    return dataclasses.replace(layout, notices=(*layout.notices, *of_other_splits(root, split, folders, chosen)))


def splits_of(root: PathLike) -> tuple[str, ...]:
    """The splits of a folder; empty if it holds the images itself."""
    folders = named_folders(existing_folder(root), ())
    found = splits_among(folders)
    return () if is_undivided(folders, found) else found


def no_such_split(root: pathlib.Path, split: str, found: Sequence[str]) -> InputError:
    """The error for a split that the folder does not have."""
    fix = f"It has: {', '.join(found)}." if found else "Remove `split`, or create the folder."
    return InputError(f"{root}: there is no split {split!r}. {fix}")


def split_needed(root: pathlib.Path, found: Sequence[str]) -> InputError:
    """The error for a folder that is divided when no split was chosen."""
    return InputError(f"{root}: the folder is divided into {', '.join(found)}. Pass split={found[0]!r}.")


def _resolved(root: pathlib.Path, chosen: Sequence[NamedFolder], mask_names: Sequence[str]) -> Layout:
    groups: dict[tuple, list[NamedFolder]] = collections.defaultdict(list)
    for folder in chosen:
        groups[folder.role.above, folder.role.below].append(folder)
    parts: dict[tuple, Part] = {}
    notices: list[str] = []
    used: set[pathlib.Path] = set()
    for key, group in sorted(groups.items(), key=lambda item: (len(item[0][0]), len(item[0][1]), item[0])):
        if parts and not any(key[0] == above for above, _ in parts) and any(above == () for above, _ in parts):
            continue  # A whole data set lies in the folder: others further down are not part of it.
        resolved = part_of(root, group, mask_names)
        if resolved is not None:
            parts[key], notice = resolved
            notices += [notice] if notice else []
            used |= {parts[key].image_folder, parts[key].mask_folder}
    _refuse_folder_per_image(parts.values(), chosen)
    _refuse_label_files(root, [above for above, _ in parts])
    if not any(part.images and part.masks for part in parts.values()):
        deeper = part_at_other_depths(root, chosen)
        if deeper is not None:
            parts, used = {((), ()): deeper}, {deeper.image_folder, deeper.mask_folder}
    if not parts:
        raise _incomplete(root, chosen)
    if len({above for above, _ in parts}) > 1:
        notices.append(f"{root.name}: the data lies in {len(parts)} folders: {some_of('/'.join(a) for a, _ in parts)}.")
    left = [f for f in chosen if f.path not in used and f.listing.images]
    if left:
        shown = some_of(f"{shown_name(root, f.path)} ({counted(len(f.listing.images), 'image file')})" for f in left)
        notices.append(f"Not used, because no partner was found: {shown}.")
    for folder in chosen:
        # Texts beside the images of a flat folder describe them.
        unread = folder.listing.unread(without=_TEXTS if folder.path == root else ())
        if folder.path in used and unread:
            notices.append(f"{shown_name(root, folder.path)}: files that are not read: {unread}.")
    return Layout(parts=tuple(parts.values()), notices=tuple(notices))


def _refuse_folder_per_image(parts: Iterable[Part], chosen: Sequence[NamedFolder]) -> None:
    """Refuse masks/a/1.png, masks/a/2.png for images/a.png, which are objects."""
    by_path: Mapping[pathlib.Path, NamedFolder] = {folder.path: folder for folder in chosen}
    for part in parts:
        stems = {file.stem for file in part.images}
        inner = [path for path in by_path if path.parent == part.mask_folder and path.name in stems]
        if inner and not part.masks:
            raise SeveralMasksError(
                f"{part.mask_folder}: holds a folder per image ({some_of(sorted(path.name for path in inner))}), with "
                "several masks of one image.",
                fix="Merge each into one mask of class ids.",
                objects="If each mask is one object, pass `task='instances'`, or use scan_instances.",
            )


def _refuse_label_files(root: pathlib.Path, places: Iterable[Sequence[str]]) -> None:
    """Refuse a label file that would not be found, because the data lies further down than it is looked for."""
    for place in places:
        folder = root.joinpath(*place)
        file = next((folder / name for name in LABEL_FILES if place and (folder / name).is_file()), None)
        if file is not None:
            raise InputError(
                f"{file}: is not read from there. Pass {folder} as the path, or move the file to {root} if it applies "
                "to all folders in it."
            )


def _incomplete(root: pathlib.Path, chosen: Sequence[NamedFolder]) -> InputError:
    missing = "masks" if any(folder.role.kind == "images" for folder in chosen) else "images"
    names = sorted(subfolders(root)) or sorted({shown_name(root, f.path) for f in chosen if f.path != root})
    holds = f"It holds: {some_of(names, shown=6)}." if names else "It holds no folders."
    splits = {folder.role.split for folder in chosen}
    of_split = f" for the split {splits.pop()!r}" if len(splits) == 1 and None not in splits else ""
    return InputError(
        f"{root}: there is no folder {missing}/{of_split}. {holds} Expected: images/ and masks/. For folders of other "
        "names, pass both as the path, (images, masks). The mask of a.jpg may be called a.png or a_mask.png."
    )
