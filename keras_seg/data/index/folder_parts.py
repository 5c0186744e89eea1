"""Which of the folders at one place in a data folder hold the images, and which the masks."""

import collections
import dataclasses
import pathlib
from collections.abc import Sequence

from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import some_of
from keras_seg.data.index.mask_likeness import look_like_masks
from keras_seg.data.index.named_folder import NamedFolder, images_and_masks, shown_name
from keras_seg.data.index.refusals import AmbiguousFolderError, SeveralMasksError
from keras_seg.data.index.stem_matching import match_stems

_ANSWER = "Pass both folders as the path, (images, masks), or rename them to images/ and masks/."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """Files to match with one another: the images of one folder and the masks of another, or of the same one."""

    image_folder: pathlib.Path
    mask_folder: pathlib.Path
    images: tuple[pathlib.Path, ...]
    masks: tuple[pathlib.Path, ...]


def part_of(root: pathlib.Path, group: Sequence[NamedFolder], mask_names: Sequence[str]) -> tuple[Part, str] | None:
    """The images and masks of folders with the same place in the tree, and a line if their names did not tell."""
    kinds: dict[str | None, list[NamedFolder]] = collections.defaultdict(list)
    for folder in group:
        if folder.listing.images or folder.role.kind is not None:
            kinds[folder.role.kind].append(folder)
    images, masks = _filled(kinds["images"]), _filled(_preferred(kinds["masks"], mask_names))
    unknown = [folder for folder in kinds[None] if folder.listing.images]
    for kind, folders in (("images", images), ("masks", masks)):
        if len(folders) > 1:
            names = " and ".join(shown_name(root, folder.path) for folder in folders[:2])
            raise AmbiguousFolderError(f"{root}: {names} may both hold the {kind}. {_ANSWER}")
    if images and masks:
        return _of(images[0], masks[0]), ""
    if masks and len(unknown) == 1:
        return _of(unknown[0], masks[0]), ""
    if len(images) == 1 and not masks and images[0].listing.images:
        apart = images_and_masks(images[0])
        if apart:
            return _one_folder(root, images[0], apart)
        looks = [
            folder for folder in unknown if _pairs_up(images[0], folder) and look_like_masks(folder.listing.images)
        ]
        if len(looks) == 1:
            return _of(images[0], looks[0]), f"{shown_name(root, looks[0].path)} is read as the folder of masks."
        return None
    if len(unknown) == 1 and not masks and not images:
        apart = images_and_masks(unknown[0])
        return _one_folder(root, unknown[0], apart) if apart else None
    if len(unknown) > 1 and not images and not masks:
        return _told_by_content(root, unknown)
    return None


def part_at_other_depths(root: pathlib.Path, chosen: Sequence[NamedFolder]) -> Part | None:
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
        if len({(first.path, second.path.parent) for first, second in fitting}) == 1:
            holder = fitting[0][1].path.parent
            raise SeveralMasksError(
                f"{holder}: holds {len(fitting)} folders ({some_of(second.path.name for _, second in fitting)}), with "
                "several masks of one image.",
                fix="Merge them into one mask of class ids, or pass the folder of images and the folder with the masks "
                "to use as the path, (images, masks).",
                objects="If they are classes that overlap, pass `task='multilabel'`, or use scan_multilabel.",
            )
        shown = " or ".join(f"({shown_name(root, a.path)}, {shown_name(root, b.path)})" for a, b in fitting[:2])
        raise AmbiguousFolderError(f"{root}: (images, masks) may be {shown}. {_ANSWER}")
    return _of(*fitting[0]) if fitting else None


def _filled(folders: list[NamedFolder]) -> list[NamedFolder]:
    """Those with image files, if any has; a folder without files is the better answer than none."""
    return [folder for folder in folders if folder.listing.images] or folders[:1]


def _preferred(folders: list[NamedFolder], mask_names: Sequence[str]) -> list[NamedFolder]:
    """The first of the names that were asked for in this order, if one is there."""
    for name in mask_names:
        named = [folder for folder in folders if folder.path.name.lower() == name and folder.listing.images]
        if named:
            return named
    return folders


def _told_by_content(root: pathlib.Path, unknown: Sequence[NamedFolder]) -> tuple[Part, str] | None:
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
        shown = " or ".join(f"({shown_name(root, a.path)}, {shown_name(root, b.path)})" for a, b in readings[:2])
        raise AmbiguousFolderError(f"{root}: (images, masks) may be {shown}. {_ANSWER}")
    images, masks = readings[0]
    notice = (
        f"{shown_name(root, images.path)} is read as images, {shown_name(root, masks.path)} as masks, by their content."
    )
    return _of(images, masks), notice


def _pairs_up(first: NamedFolder, second: NamedFolder) -> bool:
    if len(first.listing.images) != len(second.listing.images):
        return False
    try:
        return len(match_stems(first.listing.images, second.listing.images).pairs) == len(first.listing.images)
    except InputError:
        return False


def _of(images: NamedFolder, masks: NamedFolder) -> Part:
    return Part(
        image_folder=images.path,
        mask_folder=masks.path,
        images=images.listing.images,
        masks=masks.listing.images,
    )


def _one_folder(root: pathlib.Path, folder: NamedFolder, apart: tuple[list, list]) -> tuple[Part, str]:
    part = Part(image_folder=folder.path, mask_folder=folder.path, images=tuple(apart[0]), masks=tuple(apart[1]))
    image, mask = apart[0][0].name, apart[1][0].name
    return part, f"{shown_name(root, folder.path)} holds images and masks: {image} is an image, {mask} a mask."
