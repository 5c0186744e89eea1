"""The files of a data folder by their role."""

import dataclasses
import pathlib
from collections.abc import Iterator

from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import image_files
from keras_seg.data.index.instance_pairs import find_instance_pairs
from keras_seg.data.index.pairs import Pair, find_pairs, find_splits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of one split, or of a folder without splits.

    `error` is why the files cannot be paired; all image files are then `loose`. `has_objects` tells that the
    masks are of separate objects.
    """

    split: str | None
    pairs: tuple[Pair, ...] = ()
    lone_images: tuple[pathlib.Path, ...] = ()
    lone_masks: tuple[pathlib.Path, ...] = ()
    others: tuple[pathlib.Path, ...] = ()
    loose: tuple[pathlib.Path, ...] = ()
    error: str = ""
    has_objects: bool = False


def list_folder(path: pathlib.Path) -> list[Listing]:
    """One listing per split.

    Raises:
        InputError: The folder does not exist.
    """
    splits = find_splits(path)
    return [_list_split(path, split) for split in splits or (None,)]


def _list_split(path: pathlib.Path, split: str | None) -> Listing:
    try:
        pairs = find_pairs(path, split=split, allow_orphans=True)
    except InputError as error:
        loose = tuple(_all_images(path)) if split is None else ()
        return Listing(split=split, error=str(error), loose=loose, has_objects=_has_objects(path, split))
    paired = {file for pair in pairs for file in pair}
    image_folders = {pair.image.parent for pair in pairs}
    mask_folders = {pair.mask.parent for pair in pairs} - image_folders
    lone_images = [file for folder in sorted(image_folders) for file in image_files(folder) if file not in paired]
    lone_masks = [file for folder in sorted(mask_folders) for file in image_files(folder) if file not in paired]
    known = paired.union(lone_images, lone_masks)
    others = [file for folder in sorted(image_folders | mask_folders) for file in _files(folder) if file not in known]
    return Listing(
        split=split,
        pairs=tuple(pairs),
        lone_images=tuple(lone_images),
        lone_masks=tuple(lone_masks),
        others=tuple(others),
    )


def _has_objects(path: pathlib.Path, split: str | None) -> bool:
    try:
        return bool(find_instance_pairs(path, split=split))
    except InputError:
        return False


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    return (entry for entry in sorted(folder.iterdir()) if entry.name[0] != "." and entry.is_file())


def _all_images(path: pathlib.Path) -> Iterator[pathlib.Path]:
    yield from image_files(path)
    for folder in sorted(path.rglob("*")):
        if folder.is_dir() and not folder.is_symlink():
            yield from image_files(folder)
