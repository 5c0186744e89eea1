"""Which mask belongs to which image."""

import pathlib
from typing import NamedTuple

from keras_seg import _validation
from keras_seg._validation import InputError

EXTENSIONS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".npy")
IMAGE_FOLDERS = ("images", "image", "imgs", "img")
MASK_FOLDERS = ("masks", "mask", "labels", "annotations")
MASK_SUFFIXES = ("_mask", "_label", "_labels", "_seg", "_gt", "_l", "-mask", "-label")
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_SHOWN = 3


class Pair(NamedTuple):
    """The paths of an image and of its mask."""

    image: pathlib.Path
    mask: pathlib.Path


def find_splits(path):
    """The splits a data folder has.

    Args:
        path: the data folder.

    Returns:
        A tuple out of "train", "val" and "test", for each subfolder of that name (or training, valid, validation,
        testing) which holds a folder of images. Empty when the folder holds the images itself.

    Raises:
        InputError: there is no such folder.

    Examples:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     os.makedirs(folder + "/train/images")
        ...     os.makedirs(folder + "/valid/images")
        ...     find_splits(folder)
        ('train', 'val')
    """
    folders = subfolders(existing_folder(path))
    return tuple(
        split
        for split, names in SPLITS.items()
        if any(name in folders and first_of(subfolders(folders[name]), IMAGE_FOLDERS) for name in names)
    )


def find_pairs(path, *, split=None, allow_orphans=False, mask_folders=MASK_FOLDERS):
    """Pair the images of a folder with their masks.

    Three layouts are read:

    - `path/images` and `path/masks`, paired by stem: `images/a.jpg` belongs to `masks/a.png`. The mask's stem may carry
      one of the suffixes _mask, _label, _labels, _seg, _gt, _L, -mask, -label. The folders may also be called image,
      imgs or img, and mask, labels or annotations.
    - `path/train/images`, `path/train/masks`, `path/val/images` and so on, with `split="train"`.
    - two text files, with `path=("images.txt", "masks.txt")`: one path a line, relative to the text file, paired line
      by line.

    Hidden files and files that are no images are left out; case does not matter in folder names, extensions and
    suffixes.

    Args:
        path: the folder, or the pair of text files.
        split: name of the split, or None where the folder holds the images itself.
        allow_orphans: leave out images without a mask and masks without an image, instead of refusing them.
        mask_folders: names the folder of masks may have.

    Returns:
        A list of `Pair`, sorted by the image's stem; in the order of the lines for text files.

    Raises:
        InputError: no such folder or file, no pairs, orphans, or two files of one stem. One line that names the file
            and the fix.

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
    if isinstance(path, (tuple, list)):
        return _listed_pairs(path)
    root = split_folder(path, split)
    folders = subfolders(root)
    image_folder, mask_folder = first_of(folders, IMAGE_FOLDERS), first_of(folders, mask_folders)
    for kind, folder in (("images", image_folder), ("masks", mask_folder)):
        if folder is None:
            found = f"It holds: {some_of(sorted(folders), 6)}." if folders else "It holds no folders."
            raise InputError(f"{root}: there is no folder {kind}/. {found} Expected: images/ and masks/.")
    images = _by_stem(image_folder)
    masks = _masks_by_stem(mask_folder, images)
    if not allow_orphans:
        _refuse_orphans(images, masks, image_folder, mask_folder)
    pairs = [Pair(images[stem], masks[stem]) for stem in sorted(images) if stem in masks]
    if not pairs:
        extensions = ", ".join(extension[1:] for extension in EXTENSIONS)
        raise InputError(
            f"{root}: no image has a mask ({len(images)} images, {len(masks)} masks). "
            f"Name the mask as its image, as in images/a.jpg and masks/a.png ({extensions})."
        )
    return pairs


def split_folder(path, split=None):
    """The folder that holds the images and the masks of `split`."""
    root = existing_folder(path)
    folders = subfolders(root)
    if split is not None:
        for name in SPLITS.get(split, (split,)):
            if name.lower() in folders:
                return folders[name.lower()]
        found = find_splits(root)
        fix = f"It has: {', '.join(found)}." if found else "Leave `split` out, or make the folder."
        raise InputError(f"{root}: there is no split {split!r}. {fix}")
    if first_of(folders, IMAGE_FOLDERS) is None and (found := find_splits(root)):
        raise InputError(f"{root}: the folder is divided into {', '.join(found)}. Pass split={found[0]!r}.")
    return root


def existing_folder(path):
    """The path, when there is such a folder."""
    path = pathlib.Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such folder. Check the path.")
    if not path.is_dir():
        raise InputError(f"{path}: is a file, not a folder. Pass the folder that holds images/ and masks/.")
    return path


def subfolders(path, *, lower=True):
    """The folders in a folder by name, in lower case where that is asked for, without the hidden ones."""
    found = (entry for entry in sorted(path.iterdir()) if entry.is_dir() and entry.name[0] != ".")
    return {entry.name.lower() if lower else entry.name: entry for entry in found}


def first_of(folders, names):
    """The first folder that has one of the names, or None."""
    return next((folders[name] for name in names if name in folders), None)


def some_of(names, shown=_SHOWN):
    """The first names, and how many more there are."""
    names = [str(name) for name in names]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def image_files(folder):
    """The images of a folder, by their extensions, without the hidden ones."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.suffix.lower() in EXTENSIONS and entry.name[0] != "." and entry.is_file()
    ]


def _by_stem(folder):
    stems = {}
    for file in image_files(folder):
        _add(stems, file.stem, file)
    return stems


def _masks_by_stem(folder, images):
    stems = {}
    for file in image_files(folder):
        stem = file.stem
        if stem not in images:
            suffix = next((end for end in MASK_SUFFIXES if stem.lower().endswith(end)), "")
            stem = stem[: len(stem) - len(suffix)]
        _add(stems, stem, file)
    return stems


def _add(stems, stem, file):
    if stem in stems:
        raise InputError(
            f"{file}: another file has the same stem: {stems[stem].name}. "
            "Keep one of the two, or rename it with its partner."
        )
    stems[stem] = file


def _refuse_orphans(images, masks, image_folder, mask_folder):
    lone_images = [images[stem].name for stem in sorted(images.keys() - masks.keys())]
    lone_masks = [masks[stem].name for stem in sorted(masks.keys() - images.keys())]
    if not images or not masks or len(lone_images) == len(images):
        return  # No pair at all: the caller says that better.
    for names, folder, kind, missing in (
        (lone_images, image_folder, "images", "mask"),
        (lone_masks, mask_folder, "masks", "image"),
    ):
        if names:
            count = f"{len(names)} of {len(images if kind == 'images' else masks)} {kind} have no {missing}"
            raise InputError(
                f"{folder}: {count}: {some_of(names)}. Add the missing files, or move these out of the folder."
            )


def _listed_pairs(paths):
    if len(paths) != 2:
        _validation.fail("path", "must be a folder or a pair of text files (images, masks)", paths)
    columns = [_listed(pathlib.Path(path)) for path in paths]
    if len(columns[0]) != len(columns[1]):
        raise InputError(
            f"{paths[1]}: lists {len(columns[1])} masks, but {paths[0]} lists {len(columns[0])} images. "
            "Line n of one belongs to line n of the other."
        )
    if not columns[0]:
        raise InputError(f"{paths[0]}: lists no files. Write one path a line.")
    return [Pair(*row) for row in zip(*columns, strict=True)]


def _listed(path):
    if not path.is_file():
        raise InputError(f"{path}: there is no such text file. Check the path.")
    files = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        if not line.strip():
            continue
        file = path.parent / line.strip()
        if not file.is_file():
            raise InputError(f"{path}, line {number}: there is no file {file}. Paths are relative to the text file.")
        files.append(file)
    return files
