"""Which mask belongs to which image."""

import dataclasses
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from keras_seg import _validation
from keras_seg._decoding.arrays import is_array
from keras_seg._text import counted, read_text
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import check_path, existing_folder, list_folder, some_of, subfolders
from keras_seg.data.index.folder_roles import MASK_FOLDERS, SPLITS
from keras_seg.data.index.label_tools import conversion_error, joined, refuse_data_set
from keras_seg.data.index.layouts import Layout, Part, find_layout, no_such_split, split_needed, splits_of
from keras_seg.data.index.packed_folder import is_packed_folder
from keras_seg.data.index.packed_pairs import packed_pairs, packed_splits
from keras_seg.data.index.refusals import SeveralMasksError
from keras_seg.data.index.stem_matching import Matches, match_stems

# Two text files that list images and masks, or the folders of images and of masks.
ListedPairs = tuple[PathLike, PathLike] | list[PathLike]


class Pair(NamedTuple):
    """The paths of an image and of its mask."""

    image: pathlib.Path
    mask: pathlib.Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pairing:
    """Pairs, and one line about everything that was recognized by more than its name or is not used."""

    pairs: list[Pair]
    notices: tuple[str, ...] = ()
    lone_images: tuple[pathlib.Path, ...] = ()
    lone_masks: tuple[pathlib.Path, ...] = ()


def find_splits(path: PathLike) -> tuple[str, ...]:
    """The splits of a data folder.

    Args:
        path: path. The data folder.

    Returns:
        Tuple of those of "train", "val" and "test" that have a folder of images: `train/images`, `images/train`, or
        `train` beside `trainannot`. They may also be called training, valid, validation, dev and testing. Empty if the
        folder is not divided. Of a folder of shards, the splits that were packed.

    Raises:
        InputError: The folder does not exist.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     os.makedirs(folder + "/train/images")
        ...     os.makedirs(folder + "/valid/images")
        ...     find_splits(folder)
        ('train', 'val')
    """
    return packed_splits(path) if is_packed_folder(path) else splits_of(path)


def find_pairs(
    path: PathLike | ListedPairs,
    *,
    split: str | None = None,
    allow_orphans: bool = False,
    mask_folders: Sequence[str] = MASK_FOLDERS,
) -> list[Pair]:
    """Pair the images of a folder with their masks.

    These layouts are recognized:

    - `path/images` and `path/masks`. Other names that say the same are fine: Training_Images and Ground_Truth, img_dir
      and ann_dir, JPEGImages and SegmentationClass, x and y. Folders whose names say nothing are told apart by their
      content, if their files pair one-to-one. Subfolders pair with those of the same name.
    - A folder of shards, as `write_shards` writes it: paths go through its archives, `path/train-000000.tar/a.png`.
    - `path/train/images`, `path/train/masks`, `path/val/images` and so on, with `split="train"`; also
      `path/images/train` and `path/masks/train`, or `path/train` and `path/trainannot`.
    - images and masks in one folder: a.jpg and a_mask.png, frame_001.png and mask_001.png.
    - two folders, with `path=("images", "masks")`.
    - two text files, with `path=("images.txt", "masks.txt")`: one path per line, relative to the text file, paired line
      by line.

    The mask of `a.jpg` is called `a.png`, or has a suffix or prefix that says that it is one: a_mask.png, mask_a.png,
    a_annotation.png. Otherwise files pair one-to-one by the part of their names that differs. Case does not matter.

    Args:
        path: path, pair of folders, or pair of text files.
        split: str. Name of the split. Defaults to None, for a folder that holds the images itself.
        allow_orphans: bool. Skip images without a mask and masks without an image. Defaults to False, which refuses
            them.
        mask_folders: sequence of str. Names that a folder of masks may have too, the preferred ones first. Defaults to
            masks, mask, labels and annotations.

    Returns:
        List of `Pair`, sorted by the image's stem, or in the order of the lines of text files.

    Raises:
        InputError: A folder or file does not exist, there are no pairs, an image or a mask has no partner, an image has
            several masks, two files have the same stem, or more than one reading fits.

    Examples:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images/a.jpg", "masks/a_mask.png"):
        ...         file = pathlib.Path(folder, name)
        ...         file.parent.mkdir()
        ...         file.touch()
        ...     [pair] = find_pairs(folder)
        >>> pair.image.name, pair.mask.name
        ('a.jpg', 'a_mask.png')
    """
    return pair_files(path, split=split, allow_orphans=allow_orphans, mask_folders=mask_folders).pairs


def pair_files(
    path: PathLike | ListedPairs,
    *,
    split: str | None = None,
    allow_orphans: bool = False,
    mask_folders: Sequence[str] = MASK_FOLDERS,
) -> Pairing:
    """As `find_pairs`, with the lines to show."""
    if isinstance(path, (tuple, list)):
        if len(path) != 2:
            _validation.fail("path", "must be a folder, or a pair of folders or text files (images, masks)", path)
        if any(pathlib.Path(part).is_dir() for part in path):
            if split is not None:
                fix = "Remove `split`, and pass the two folders of that split."
                _validation.fail("split", "applies to one folder, and `path` is a pair of folders", split, fix)
            layout = _listed_folders(*map(pathlib.Path, path))
            return _paired(f"{path[0]} + {path[1]}", layout, allow_orphans=allow_orphans)
        refuse_for_lists(path, split=split, allow_orphans=allow_orphans)
        return Pairing(pairs=_listed_pairs(path))
    if is_packed_folder(path):
        return Pairing(pairs=[Pair(*files) for files in packed_pairs(path, split)])
    preferred = tuple(mask_folders) if tuple(mask_folders) != MASK_FOLDERS else ()
    layout = find_layout(path, split=split, mask_names=tuple(name.lower() for name in preferred))
    return _paired(str(path), layout, allow_orphans=allow_orphans)


def scanned_pairs(
    pair: Callable[..., Pairing],
    path: PathLike | ListedPairs,
    *,
    split: str | None,
    allow_orphans: bool,
    task: str,
    settings: tuple[Any, ...],
) -> Pairing:
    """The pairs of a folder; what has to be converted first is refused with the command.

    Args:
        pair: function like `pair_files`.
        task: "semantic" or "instances".
        settings: arguments that say how masks are read; if all are None, a known data set is refused.
    """
    if not isinstance(path, (tuple, list)):
        check_path(path)
    refuse_data_set(path, task=task, settings=settings)
    try:
        return pair(path, split=split, allow_orphans=allow_orphans)
    except InputError as error:
        if isinstance(path, (tuple, list)) or not pathlib.Path(path).is_dir():
            raise
        root = pathlib.Path(path)
        if is_packed_folder(root):
            raise
        # What is only divided is read by its splits.
        splits = (None, *splits_of(path)) if split is None else (split,)
        usable = any(_has_pairs(pair, path, name) for name in splits)
        tool = None if usable else conversion_error(root, task=task)
        if tool is None and isinstance(error, SeveralMasksError):
            tool = joined(error, root, task=task)
        raise tool or error from error


def _has_pairs(pair: Callable[..., Pairing], path: PathLike, split: str | None) -> bool:
    try:
        return bool(pair(path, split=split, allow_orphans=True).pairs)
    except InputError:
        return False


def refuse_for_lists(path: ListedPairs, *, split: str | None, allow_orphans: bool) -> None:
    """Refuse the arguments that only apply to folders."""
    fix = f"Remove `{'allow_orphans' if split is None else 'split'}`: the two files list exactly the pairs to use."
    if split is not None:
        _validation.fail("split", "applies to folders, and `path` is a pair of text files", split, fix)
    if allow_orphans:
        _validation.fail("allow_orphans", "applies to folders, and `path` is a pair of text files", allow_orphans, fix)


def split_folder(path: PathLike, split: str | None = None) -> pathlib.Path:
    """The folder of a split: its own, or the data folder if images and masks are divided further down."""
    root = existing_folder(path)
    found = splits_of(root)
    if split is None:
        if found and not any(name in subfolders(root) for name in ("images", "image", "imgs", "img")):
            raise split_needed(root, found)
        return root
    folders = subfolders(root)
    own = next((folders[name] for name in SPLITS.get(split, (split.lower(),)) if name in folders), None)
    if own is None and split not in found:
        raise no_such_split(root, split, found)
    return root if own is None else own


def _paired(name: str, layout: Layout, *, allow_orphans: bool) -> Pairing:
    notices = list(layout.notices)
    matched = [(part, match_stems(part.images, part.masks, allow_orphans=allow_orphans)) for part in layout.parts]
    pairs = [Pair(*pair) for _, matches in matched for pair in matches.pairs]
    if not pairs:
        raise _no_pairs(name, layout)
    for part, matches in matched:
        if matches.rule:
            notices.append(f"{part.mask_folder.name}/: {matches.rule}.")
        if not allow_orphans:
            _refuse_orphans(part, matches)
    lone_images = tuple(file for _, matches in matched for file in matches.lone_images)
    lone_masks = tuple(file for _, matches in matched for file in matches.lone_masks)
    for kind, files in (("image has no mask", lone_images), ("mask has no image", lone_masks)):
        if files:
            shown = some_of(file.name for file in files)
            notices.append(f"{len(files)} {kind if len(files) == 1 else _plural(kind)}, not used: {shown}.")
    # One folder keeps the order of its names; several follow one another.
    return Pairing(pairs=pairs, notices=tuple(notices), lone_images=lone_images, lone_masks=lone_masks)


def _plural(kind: str) -> str:
    first, rest = kind.split(" ", 1)
    return f"{first}s {rest.replace('has', 'have')}"


def _no_pairs(name: str, layout: Layout) -> InputError:
    images = sum(len(part.images) for part in layout.parts)
    masks = sum(len(part.masks) for part in layout.parts)
    several = masks > len(layout.parts) > 1 and all(len(part.images) == 1 for part in layout.parts)
    objects = " If there is a folder per image with a mask per object, pass `task='instances'`, or use scan_instances."
    return InputError(
        f"{name}: no image has a mask ({counted(images, 'image')}, {counted(masks, 'mask')}). "
        f"Give a mask the name of its image, as in images/a.jpg and masks/a.png."
        f"{objects if several else _unread(layout)}"
    )


def _unread(layout: Layout) -> str:
    unread = [notice for notice in layout.notices if "not read" in notice]
    return f" {unread[0]}" if unread else ""


def _refuse_orphans(part: Part, matches: Matches) -> None:
    for files, folder, total, kind, missing in (
        (matches.lone_images, part.image_folder, len(part.images), "images", "mask"),
        (matches.lone_masks, part.mask_folder, len(part.masks), "masks", "image"),
    ):
        if files:
            raise InputError(
                f"{folder}: {len(files)} of {total} {kind} have no {missing}: {some_of(file.name for file in files)}. "
                "Add the missing files, or move these files out of the folder."
            )


def _listed_folders(images: pathlib.Path, masks: pathlib.Path) -> Layout:
    if existing_folder(images).resolve() == existing_folder(masks).resolve():
        raise InputError(f"{images}: is given twice. Pass the folder of images and the folder of masks.")
    listings = [list_folder(existing_folder(folder)) for folder in (images, masks)]
    notices = []
    for listing in listings:
        inner = sum(len(list_folder(folder).images) for folder in listing.folders)
        if inner:
            notices.append(f"{listing.path.name}/: {counted(inner, 'image')} in subfolders not used.")
        if listing.unread():
            notices.append(f"{listing.path.name}/: files that are not read: {listing.unread()}.")
    part = Part(image_folder=images, mask_folder=masks, images=listings[0].images, masks=listings[1].images)
    return Layout(parts=(part,), notices=tuple(notices))


def _listed_pairs(paths: ListedPairs) -> list[Pair]:
    columns = [_listed(pathlib.Path(path)) for path in paths]
    if len(columns[0]) != len(columns[1]):
        raise InputError(
            f"{paths[1]}: lists {len(columns[1])} masks, but {paths[0]} lists {len(columns[0])} images. "
            "Line n of one file must be the partner of line n of the other."
        )
    if not columns[0]:
        raise InputError(f"{paths[0]}: lists no files. Write one path per line.")
    pairs = [Pair(*row) for row in zip(*columns, strict=True)]
    mask_of: dict[pathlib.Path, pathlib.Path] = {}
    for image, mask in pairs:
        other = mask_of.setdefault(image, mask)
        if other != mask:
            raise InputError(
                f"{paths[0]}: lists {image.name} with 2 masks, {other.name} and {mask.name}. Merge them into one mask "
                "of class ids, or remove one of the two lines from both files."
            )
    return pairs


def _listed(path: pathlib.Path) -> list[pathlib.Path]:
    if not path.is_file():
        raise InputError(f"{path}: there is no such text file, and no such folder. Check the path.")
    files = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        file = path.parent / line.strip()
        if not file.exists() and "\\" in line:
            file = path.parent / line.strip().replace("\\", "/")  # A list that was written on Windows.
        if not file.is_file() and not (is_array(file) and file.exists()):
            raise InputError(f"{path}, line {number}: {file} does not exist. Paths are relative to the text file.")
        files.append(file)
    return files
