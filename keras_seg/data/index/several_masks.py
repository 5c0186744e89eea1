"""Images with several mask files: one per object, or one per class."""

import dataclasses
import pathlib
import re
from collections.abc import Mapping, Sequence

from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import Listing, walk
from keras_seg.data.index.folder_roles import FolderRole, folder_role, is_mask_word, words_of
from keras_seg.data.index.layouts import find_layout
from keras_seg.data.index.refusals import AmbiguousFolderError
from keras_seg.data.index.stem_matching import by_stem, match_stems
from keras_seg.data.index.unicode_names import nfc

# The class of files whose names tell none.
OBJECT = "object"
# The rest of a name behind that of its image.
_FURTHER = re.compile(r"[\W_].*|", re.DOTALL)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Example:
    """An image with one mask, or with several files, each with the name of its class."""

    image: pathlib.Path
    split: str | None
    mask: pathlib.Path | None = None
    files: tuple[tuple[str, pathlib.Path], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examples:
    """What was found, lines about it, and files without a partner."""

    found: tuple[Example, ...] = ()
    notices: tuple[str, ...] = ()
    left_out: tuple[pathlib.Path, ...] = ()


def several_masks(root: pathlib.Path, split: str | None) -> Examples:
    """masks/car/a.png and masks/road/a.png, or a_1.png and a_2.png, or a_car.png and a_road.png, of images/a.jpg."""
    by_folder = _by_class_folder(root, split)
    return by_folder if by_folder.found else _by_name(root, split)


def _by_class_folder(root: pathlib.Path, split: str | None) -> Examples:
    """A folder of masks that holds one folder per class."""
    listings: dict[pathlib.Path, Listing] = {listing.path: listing for listing in walk(root)}
    roles = {path: folder_role(path.relative_to(root).parts) for path in listings}
    places = [
        (listings[images], listings[masks])
        for images, role in roles.items()
        if _is(role, "images", split) and listings[images].images
        for masks, other in roles.items()
        if _is(other, "masks", split) and other.above == role.above and not listings[masks].images
    ]
    readings = [
        (images, masks, folders)
        for images, masks in places
        if (folders := [listings[path] for path in masks.folders if path in listings and listings[path].images])
    ]
    if len(readings) > 1:
        names = " and ".join(f"({images.path.name}/, {masks.path.name}/)" for images, masks, _ in readings[:2])
        raise AmbiguousFolderError(
            f"{root}: {names} may both be the images and masks. Move one of them out of the folder."
        )
    if not readings:
        return Examples()
    images, masks, folders = readings[0]
    files: dict[pathlib.Path, list[tuple[str, pathlib.Path]]] = {image: [] for image in images.images}
    lone: list[pathlib.Path] = []
    for folder in folders:
        owners = _owners(images.images, folder.images)
        lone += [file for file in folder.images if file not in owners]
        for file, image in owners.items():
            files[image].append((folder.path.name, file))
    unread = [f"{path.name}/" for folder in folders for path in folder.folders]
    notices = (f"{masks.path.name}/: folders in those of classes are not read: {', '.join(unread)}.",) if unread else ()
    return _examples(files, split, lone=lone, notices=notices)


def _is(role: FolderRole, kind: str, split: str | None) -> bool:
    # In a folder that is not divided, Training_Images is only a name.
    return role.kind == kind and split in (None, role.split) and not role.below


def _by_name(root: pathlib.Path, split: str | None) -> Examples:
    """Masks in one folder, whose names begin with that of their image."""
    try:
        parts = find_layout(root, split=split, mask_names=()).parts
    except InputError:
        return Examples()
    files: dict[pathlib.Path, list[tuple[str, pathlib.Path]]] = {}
    for part in parts:
        owners = _by_beginning(by_stem(part.images), part.masks)
        if len(owners) < len(part.masks):
            return Examples()
        files |= {image: [] for image in part.images}
        for mask, image in owners.items():
            files[image].append((_class_in(nfc(mask.stem)[len(nfc(image.stem)) :], mask.suffix), mask))
    names = {name for own in files.values() for name, _ in own}
    # Some files that name a class and some that do not can be read in two ways.
    return Examples() if len(names) > 1 and OBJECT in names else _examples(files, split)


def _examples(
    files: Mapping[pathlib.Path, Sequence[tuple[str, pathlib.Path]]],
    split: str | None,
    *,
    lone: Sequence[pathlib.Path] = (),
    notices: tuple[str, ...] = (),
) -> Examples:
    found = tuple(Example(image=image, split=split, files=tuple(own)) for image, own in files.items() if own)
    return Examples(found=found, notices=notices, left_out=(*(i for i, own in files.items() if not own), *lone))


def _owners(images: Sequence[pathlib.Path], masks: Sequence[pathlib.Path]) -> dict[pathlib.Path, pathlib.Path]:
    """The image of each mask in the folder of a class, which may hold several masks of an image."""
    try:
        found = {mask: image for image, mask in match_stems(images, masks, allow_orphans=True).pairs}
    except InputError:
        found = {}
    others = _by_beginning(by_stem(images), [mask for mask in masks if mask not in found])
    return {mask: (found | others)[mask] for mask in masks if mask in found or mask in others}


def _by_beginning(
    images: Mapping[str, pathlib.Path], masks: Sequence[pathlib.Path]
) -> dict[pathlib.Path, pathlib.Path]:
    """The image whose name a mask begins with, the longest one."""
    owners = {}
    for mask in masks:
        stem = nfc(mask.stem)
        lengths = (n for n in range(len(stem), 0, -1) if _FURTHER.fullmatch(stem[n:]))
        name = next((stem[:n] for n in lengths if stem[:n] in images), None)
        if name is not None:
            owners[mask] = images[name]
    return owners


def _class_in(ending: str, suffix: str) -> str:
    # File managers name a second file "a_car copy.png", and people "a_car.png.png".
    others = ("copy", suffix.removeprefix(".").lower())
    words = [word for word in words_of(ending) if not is_mask_word(word) and word not in others]
    return "_".join(word for word in words if not word.isdigit()) or OBJECT
