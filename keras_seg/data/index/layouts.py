"""Which folders of a data folder hold its images and its masks, whatever they are called."""

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Mapping, Sequence

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import Listing, counted, existing_folder, some_of, subfolders, walk
from keras_seg.data.index.folder_roles import (
    SPLITS,
    FolderRole,
    folder_role,
)
from keras_seg.data.index.label_tools import LABEL_FILES
from keras_seg.data.index.mask_likeness import look_like_masks
from keras_seg.data.index.stem_matching import divided_by_names, match_stems

_ANSWER = "Pass both folders as the path, (images, masks), or rename them to images/ and masks/."

_TEXTS = (".json", ".txt", ".md", ".csv", ".yaml", ".yml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """Files to match with one another: the images of one folder and the masks of another, or of the same one."""

    image_folder: pathlib.Path
    mask_folder: pathlib.Path
    images: tuple[pathlib.Path, ...]
    masks: tuple[pathlib.Path, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The parts of one split, and one line about everything that is not used."""

    parts: tuple[Part, ...]
    notices: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Folder:
    listing: Listing
    role: FolderRole

    @property
    def path(self) -> pathlib.Path:
        return self.listing.path


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
    folders = _folders(root, mask_names)
    found = _splits(folders)
    if split is not None and split not in found:
        raise no_such_split(root, split, found)
    chosen = [folder for folder in folders if folder.role.split == split]
    _refuse_two_names(root, split, chosen)
    if split is None and found and not any(folder.role.kind == "images" for folder in chosen):
        if not _undivided(folders, found):
            raise split_needed(root, found)
        chosen = folders
    elif split is not None:
        chosen = _with_shared_masks(chosen, folders)
    layout = _resolved(root, chosen, mask_names)
    return dataclasses.replace(layout, notices=(*layout.notices, *_of_other_splits(root, split, folders, chosen)))


def splits_of(root: PathLike) -> tuple[str, ...]:
    """The splits of a folder; empty if it holds the images itself."""
    folders = _folders(existing_folder(root), ())
    found = _splits(folders)
    return () if _undivided(folders, found) else found


def no_such_split(root: pathlib.Path, split: str, found: Sequence[str]) -> InputError:
    """The error for a split that the folder does not have."""
    fix = f"It has: {', '.join(found)}." if found else "Remove `split`, or create the folder."
    return InputError(f"{root}: there is no split {split!r}. {fix}")


def split_needed(root: pathlib.Path, found: Sequence[str]) -> InputError:
    """The error for a folder that is divided when no split was chosen."""
    return InputError(f"{root}: the folder is divided into {', '.join(found)}. Pass split={found[0]!r}.")


def _folders(root: pathlib.Path, mask_names: Sequence[str]) -> list[_Folder]:
    """The folders that hold images or masks, or are named as if they did."""
    folders = []
    for listing in walk(root):
        names = listing.path.relative_to(root).parts
        role = folder_role(names, mask_names)
        named = folder_role(names[-1:], mask_names).kind if names else None
        if listing.images or named == "masks" or (named == "images" and not listing.folders):
            folders.append(_Folder(listing=listing, role=role))
    return folders


def _splits(folders: Iterable[_Folder]) -> tuple[str, ...]:
    """The splits that have images: in a folder named so, or in the split's own folder."""
    held = {f.role.split for f in folders if f.role.kind == "images" or (f.role.kind is None and f.listing.images)}
    return tuple(split for split in SPLITS if split in held)


def _undivided(folders: Sequence[_Folder], found: Sequence[str]) -> bool:
    """Whether the only split is but a word: Training_Images beside Ground_Truth."""
    masks = [folder for folder in folders if folder.role.kind == "masks"]
    return len(found) == 1 and bool(masks) and all(folder.role.split is None for folder in masks)


def _of_other_splits(
    root: pathlib.Path, split: str | None, folders: Sequence[_Folder], chosen: Sequence[_Folder]
) -> list[str]:
    """A line if a folder holds images of its own beside those of splits."""
    taken = {folder.path for folder in chosen}
    left = [f for f in folders if f.path not in taken and f.listing.images and f.role.kind != "masks"]
    left = [f for f in left if split is None or f.role.split is None]
    if not left:
        return []
    shown = some_of(f"{_name(root, f.path)} ({counted(len(f.listing.images), 'image file')})" for f in left)
    return [f"Not used, because {'it is in a split' if split is None else 'it is in no split'}: {shown}."]


def _refuse_two_names(root: pathlib.Path, split: str | None, chosen: Sequence[_Folder]) -> None:
    names = sorted({folder.role.split_name for folder in chosen if folder.role.kind != "masks"} - {""})
    if len(names) > 1:
        raise InputError(
            f"{root}: {' and '.join(names)} are both folders of the split {split!r}. Merge them, or rename the one "
            "that is not meant."
        )


def _with_shared_masks(chosen: list[_Folder], folders: Sequence[_Folder]) -> list[_Folder]:
    """The folders of a split, with the masks of all splits if it has none of its own."""
    if any(folder.role.kind == "masks" for folder in chosen):
        return chosen
    if any(folder.role.kind is None and _mixed(folder) for folder in chosen):
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
        result.append(_Folder(listing=dataclasses.replace(folder.listing, images=images), role=folder.role))
    return result


def _resolved(root: pathlib.Path, chosen: Sequence[_Folder], mask_names: Sequence[str]) -> Layout:
    groups: dict[tuple, list[_Folder]] = collections.defaultdict(list)
    for folder in chosen:
        groups[folder.role.above, folder.role.below].append(folder)
    parts: dict[tuple, Part] = {}
    notices: list[str] = []
    used: set[pathlib.Path] = set()
    for key, group in sorted(groups.items(), key=lambda item: (len(item[0][0]), len(item[0][1]), item[0])):
        if parts and not any(key[0] == above for above, _ in parts) and any(above == () for above, _ in parts):
            continue  # A whole data set lies in the folder: others further down are not part of it.
        resolved = _part(root, group, mask_names)
        if resolved is not None:
            parts[key], notice = resolved
            notices += [notice] if notice else []
            used |= {parts[key].image_folder, parts[key].mask_folder}
    _refuse_folder_per_image(parts.values(), chosen)
    _refuse_label_files(root, [above for above, _ in parts])
    if not any(part.images and part.masks for part in parts.values()):
        deeper = _at_other_depths(root, chosen)
        if deeper is not None:
            parts, used = {((), ()): deeper}, {deeper.image_folder, deeper.mask_folder}
    if not parts:
        raise _incomplete(root, chosen)
    if len({above for above, _ in parts}) > 1:
        notices.append(f"{root.name}: the data lies in {len(parts)} folders: {some_of('/'.join(a) for a, _ in parts)}.")
    left = [f for f in chosen if f.path not in used and f.listing.images]
    if left:
        shown = some_of(f"{_name(root, f.path)} ({counted(len(f.listing.images), 'image file')})" for f in left)
        notices.append(f"Not used, because no partner was found: {shown}.")
    for folder in chosen:
        # Texts beside the images of a flat folder describe them.
        unread = folder.listing.unread(without=_TEXTS if folder.path == root else ())
        if folder.path in used and unread:
            notices.append(f"{_name(root, folder.path)}: files that are not read: {unread}.")
    return Layout(parts=tuple(parts.values()), notices=tuple(notices))


def _part(root: pathlib.Path, group: Sequence[_Folder], mask_names: Sequence[str]) -> tuple[Part, str] | None:
    """The images and masks of folders with the same place in the tree, and a line if their names did not tell."""
    kinds: dict[str | None, list[_Folder]] = collections.defaultdict(list)
    for folder in group:
        if folder.listing.images or folder.role.kind is not None:
            kinds[folder.role.kind].append(folder)
    images, masks = _filled(kinds["images"]), _filled(_preferred(kinds["masks"], mask_names))
    unknown = [folder for folder in kinds[None] if folder.listing.images]
    for kind, folders in (("images", images), ("masks", masks)):
        if len(folders) > 1:
            names = " and ".join(_name(root, folder.path) for folder in folders[:2])
            raise InputError(f"{root}: {names} may both hold the {kind}. {_ANSWER}")
    if images and masks:
        return _of(images[0], masks[0]), ""
    if masks and len(unknown) == 1:
        return _of(unknown[0], masks[0]), ""
    if len(images) == 1 and not masks and images[0].listing.images:
        apart = _mixed(images[0])
        if apart:
            return _one_folder(root, images[0], apart)
        looks = [
            folder for folder in unknown if _pairs_up(images[0], folder) and look_like_masks(folder.listing.images)
        ]
        if len(looks) == 1:
            return _of(images[0], looks[0]), f"{_name(root, looks[0].path)} is read as the folder of masks."
        return None
    if len(unknown) == 1 and not masks and not images:
        apart = _mixed(unknown[0])
        return _one_folder(root, unknown[0], apart) if apart else None
    if len(unknown) > 1 and not images and not masks:
        return _told_by_content(root, unknown)
    return None


def _at_other_depths(root: pathlib.Path, chosen: Sequence[_Folder]) -> Part | None:
    """Images and masks that do not lie equally deep, as in images/ and annotations/trimaps/."""
    filled = [folder for folder in chosen if folder.listing.images]
    images = [folder for folder in filled if folder.role.kind == "images"]
    masks = [folder for folder in filled if folder.role.kind == "masks"]
    fitting = [
        (first, second)
        for first in images
        for second in masks
        if match_stems(first.listing.images, second.listing.images, allow_orphans=True).pairs
    ]
    if len(fitting) > 1:
        shown = " or ".join(f"({_name(root, a.path)}, {_name(root, b.path)})" for a, b in fitting[:2])
        raise InputError(f"{root}: (images, masks) may be {shown}. {_ANSWER}")
    return _of(*fitting[0]) if fitting else None


def _filled(folders: list[_Folder]) -> list[_Folder]:
    """Those with image files, if any has; a folder without files is the better answer than none."""
    return [folder for folder in folders if folder.listing.images] or folders[:1]


def _preferred(folders: list[_Folder], mask_names: Sequence[str]) -> list[_Folder]:
    """The first of the names that were asked for in this order, if one is there."""
    for name in mask_names:
        named = [folder for folder in folders if folder.path.name.lower() == name and folder.listing.images]
        if named:
            return named
    return folders


def _told_by_content(root: pathlib.Path, unknown: Sequence[_Folder]) -> tuple[Part, str] | None:
    candidates = [
        (first, second)
        for position, first in enumerate(unknown)
        for second in unknown[position + 1 :]
        if _pairs_up(first, second)
    ]
    readings = []
    for first, second in candidates:
        looks = look_like_masks(first.listing.images), look_like_masks(second.listing.images)
        if looks == (True, False):
            readings.append((second, first))
        elif looks == (False, True):
            readings.append((first, second))
        else:
            readings += [(first, second), (second, first)]
    if not readings:
        return None
    if len(readings) > 1:
        shown = " or ".join(f"({_name(root, a.path)}, {_name(root, b.path)})" for a, b in readings[:2])
        raise InputError(f"{root}: (images, masks) may be {shown}. {_ANSWER}")
    images, masks = readings[0]
    notice = f"{_name(root, images.path)} is read as images, {_name(root, masks.path)} as masks, by their content."
    return _of(images, masks), notice


def _pairs_up(first: _Folder, second: _Folder) -> bool:
    if len(first.listing.images) != len(second.listing.images):
        return False
    try:
        return len(match_stems(first.listing.images, second.listing.images).pairs) == len(first.listing.images)
    except InputError:
        return False


def _mixed(folder: _Folder) -> tuple[list[pathlib.Path], list[pathlib.Path]] | None:
    """(images, masks) of one folder that holds both."""
    apart = divided_by_names(folder.listing.images)
    if apart is None or not match_stems(apart[0], apart[1], allow_orphans=True).pairs:
        return None
    return apart


def _of(images: _Folder, masks: _Folder) -> Part:
    return Part(
        image_folder=images.path,
        mask_folder=masks.path,
        images=images.listing.images,
        masks=masks.listing.images,
    )


def _one_folder(root: pathlib.Path, folder: _Folder, apart: tuple[list, list]) -> tuple[Part, str]:
    part = Part(image_folder=folder.path, mask_folder=folder.path, images=tuple(apart[0]), masks=tuple(apart[1]))
    image, mask = apart[0][0].name, apart[1][0].name
    return part, f"{_name(root, folder.path)} holds images and masks: {image} is an image, {mask} a mask."


def _refuse_folder_per_image(parts: Iterable[Part], chosen: Sequence[_Folder]) -> None:
    """Refuse masks/a/1.png, masks/a/2.png for images/a.png, which are objects."""
    by_path: Mapping[pathlib.Path, _Folder] = {folder.path: folder for folder in chosen}
    for part in parts:
        stems = {file.stem for file in part.images}
        inner = [path for path in by_path if path.parent == part.mask_folder and path.name in stems]
        if inner and not part.masks:
            raise InputError(
                f"{part.mask_folder}: holds a folder per image ({some_of(sorted(path.name for path in inner))}), with "
                "several masks of one image. Merge each into one mask of class ids; if each mask is one object, pass "
                "`task='instances'`, or use scan_instances."
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


def _incomplete(root: pathlib.Path, chosen: Sequence[_Folder]) -> InputError:
    missing = "masks" if any(folder.role.kind == "images" for folder in chosen) else "images"
    names = sorted(subfolders(root)) or sorted({_name(root, f.path) for f in chosen if f.path != root})
    holds = f"It holds: {some_of(names, shown=6)}." if names else "It holds no folders."
    splits = {folder.role.split for folder in chosen}
    of_split = f" for the split {splits.pop()!r}" if len(splits) == 1 and None not in splits else ""
    return InputError(
        f"{root}: there is no folder {missing}/{of_split}. {holds} Expected: images/ and masks/. For folders of other "
        "names, pass both as the path, (images, masks). The mask of a.jpg may be called a.png or a_mask.png."
    )


def _name(root: pathlib.Path, path: pathlib.Path) -> str:
    return f"{path.relative_to(root)}/" if path != root else f"{root.name}/"
