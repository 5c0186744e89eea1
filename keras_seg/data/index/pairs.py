"""Which mask belongs to which image."""

import pathlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from keras_seg import _validation
from keras_seg._text import read_text
from keras_seg._types import PathLike
from keras_seg._validation import InputError

# Two text files that list images and masks.
ListedPairs = tuple[PathLike, PathLike] | list[PathLike]

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


def find_splits(path: PathLike) -> tuple[str, ...]:
    """The splits of a data folder.

    Args:
        path: path. The data folder.

    Returns:
        Tuple of those of "train", "val" and "test" for which a subfolder of that name (or training, valid, validation,
        testing) holds a folder of images. Empty if the folder holds the images itself.

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
    folders = subfolders(existing_folder(path))
    return tuple(
        split
        for split, names in SPLITS.items()
        if any(name in folders and first_of(subfolders(folders[name]), IMAGE_FOLDERS) for name in names)
    )


def find_pairs(
    path: PathLike | ListedPairs,
    *,
    split: str | None = None,
    allow_orphans: bool = False,
    mask_folders: Sequence[str] = MASK_FOLDERS,
) -> list[Pair]:
    """Pair the images of a folder with their masks.

    Three layouts are supported:

    - `path/images` and `path/masks`, paired by stem: `images/a.jpg` belongs to `masks/a.png`. The mask's stem may have
      one of the suffixes _mask, _label, _labels, _seg, _gt, _L, -mask, -label. The folders may also be called image,
      imgs or img, and mask, labels or annotations.
    - `path/train/images`, `path/train/masks`, `path/val/images` and so on, with `split="train"`.
    - two text files, with `path=("images.txt", "masks.txt")`: one path per line, relative to the text file, paired line
      by line.

    Hidden files and files that are not images are skipped. Folder names, extensions and suffixes are not
    case-sensitive.

    Args:
        path: path, or pair of paths. The folder, or the two text files.
        split: str. Name of the split. Defaults to None, for a folder that holds the images itself.
        allow_orphans: bool. Skip images without a mask and masks without an image. Defaults to False, which refuses
            them.
        mask_folders: sequence of str. Allowed names of the folder of masks. Defaults to masks, mask, labels and
            annotations.

    Returns:
        List of `Pair`, sorted by the image's stem, or in the order of the lines of text files.

    Raises:
        InputError: A folder or file does not exist, there are no pairs, an image or a mask has no partner, or two files
            have the same stem.

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
        refuse_for_lists(path, split=split, allow_orphans=allow_orphans)
        return _listed_pairs(path)
    root = split_folder(path, split)
    folders = subfolders(root)
    image_folder = _needed(root, folders, "images", IMAGE_FOLDERS)
    mask_folder = _needed(root, folders, "masks", mask_folders)
    images = _by_stem(image_folder)
    masks = _masks_by_stem(mask_folder, images)
    if not allow_orphans:
        _refuse_orphans(images, masks, image_folder, mask_folder)
    pairs = [Pair(images[stem], masks[stem]) for stem in sorted(images) if stem in masks]
    if not pairs:
        extensions = ", ".join(extension[1:] for extension in EXTENSIONS)
        raise InputError(
            f"{root}: no image has a mask ({len(images)} images, {len(masks)} masks). "
            f"Give a mask the name of its image, as in images/a.jpg and masks/a.png ({extensions})."
        )
    return pairs


def refuse_for_lists(path: ListedPairs, *, split: str | None, allow_orphans: bool) -> None:
    """Refuse the arguments that only apply to folders."""
    fix = f"Remove `{'allow_orphans' if split is None else 'split'}`: the two files list exactly the pairs to use."
    if split is not None:
        _validation.fail("split", "applies to folders, and `path` is a pair of text files", split, fix)
    if allow_orphans:
        _validation.fail("allow_orphans", "applies to folders, and `path` is a pair of text files", allow_orphans, fix)


def split_folder(path: PathLike, split: str | None = None) -> pathlib.Path:
    """The folder that holds the images and the masks of `split`."""
    root = existing_folder(path)
    folders = subfolders(root)
    if split is not None:
        for name in SPLITS.get(split, (split,)):
            if name.lower() in folders:
                return folders[name.lower()]
        raise no_such_split(root, split, find_splits(root))
    if first_of(folders, IMAGE_FOLDERS) is None and (found := find_splits(root)):
        raise split_needed(root, found)
    return root


def no_such_split(root: pathlib.Path, split: str, found: Sequence[str]) -> InputError:
    """The error for a split that the folder does not have."""
    fix = f"It has: {', '.join(found)}." if found else "Remove `split`, or create the folder."
    return InputError(f"{root}: there is no split {split!r}. {fix}")


def split_needed(root: pathlib.Path, found: Sequence[str]) -> InputError:
    """The error for a folder that is divided when no split was chosen."""
    return InputError(f"{root}: the folder is divided into {', '.join(found)}. Pass split={found[0]!r}.")


def existing_folder(path: PathLike) -> pathlib.Path:
    """The path, if it is a folder."""
    path = pathlib.Path(path)
    if not path.exists():
        raise InputError(f"{path}: there is no such folder. Check the path.")
    if not path.is_dir():
        raise InputError(f"{path}: is a file, not a folder. Pass the folder that holds images/ and masks/.")
    return path


def subfolders(path: pathlib.Path, *, lower: bool = True) -> dict[str, pathlib.Path]:
    """The folders in a folder by name (in lower case by default), without hidden ones."""
    found = (entry for entry in sorted(path.iterdir()) if entry.is_dir() and entry.name[0] != ".")
    return {entry.name.lower() if lower else entry.name: entry for entry in found}


def first_of(folders: Mapping[str, pathlib.Path], names: Iterable[str]) -> pathlib.Path | None:
    """The first folder that has one of the names, or None."""
    return next((folders[name] for name in names if name in folders), None)


def some_of(names: Iterable[Any], *, shown: int = _SHOWN) -> str:
    """The first names, and how many more there are."""
    names = [str(name) for name in names]
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def image_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The images of a folder, recognized by their extensions, without hidden files."""
    return [
        entry
        for entry in sorted(folder.iterdir())
        if entry.suffix.lower() in EXTENSIONS and entry.name[0] != "." and entry.is_file()
    ]


def _needed(root: pathlib.Path, folders: Mapping[str, pathlib.Path], kind: str, names: Iterable[str]) -> pathlib.Path:
    folder = first_of(folders, names)
    if folder is None:
        found = f"It holds: {some_of(sorted(folders), shown=6)}." if folders else "It holds no folders."
        raise InputError(f"{root}: there is no folder {kind}/. {found} Expected: images/ and masks/.")
    return folder


def _by_stem(folder: pathlib.Path) -> dict[str, pathlib.Path]:
    stems = {}
    for file in image_files(folder):
        _add(stems, file.stem, file)
    return stems


def _masks_by_stem(folder: pathlib.Path, images: Mapping[str, pathlib.Path]) -> dict[str, pathlib.Path]:
    stems = {}
    for file in image_files(folder):
        stem = file.stem
        if stem not in images:
            suffix = next((end for end in MASK_SUFFIXES if stem.lower().endswith(end)), "")
            stem = stem[: len(stem) - len(suffix)]
        _add(stems, stem, file)
    return stems


def _add(stems: dict[str, pathlib.Path], stem: str, file: pathlib.Path) -> None:
    if stem in stems:
        raise InputError(
            f"{file}: another file has the same stem: {stems[stem].name}. "
            "Keep one of the two, or rename one together with its partner."
        )
    stems[stem] = file


def _refuse_orphans(
    images: Mapping[str, pathlib.Path],
    masks: Mapping[str, pathlib.Path],
    image_folder: pathlib.Path,
    mask_folder: pathlib.Path,
) -> None:
    lone_images = [images[stem].name for stem in sorted(images.keys() - masks.keys())]
    lone_masks = [masks[stem].name for stem in sorted(masks.keys() - images.keys())]
    if not images or not masks or len(lone_images) == len(images):
        return  # No pair at all: the caller has the better message.
    for names, folder, kind, missing in (
        (lone_images, image_folder, "images", "mask"),
        (lone_masks, mask_folder, "masks", "image"),
    ):
        if names:
            count = f"{len(names)} of {len(images if kind == 'images' else masks)} {kind} have no {missing}"
            raise InputError(
                f"{folder}: {count}: {some_of(names)}. Add the missing files, or move these files out of the folder."
            )


def _listed_pairs(paths: ListedPairs) -> list[Pair]:
    if len(paths) != 2:
        _validation.fail("path", "must be a folder or a pair of text files (images, masks)", paths)
    columns = [_listed(pathlib.Path(path)) for path in paths]
    if len(columns[0]) != len(columns[1]):
        raise InputError(
            f"{paths[1]}: lists {len(columns[1])} masks, but {paths[0]} lists {len(columns[0])} images. "
            "Line n of one file must be the partner of line n of the other."
        )
    if not columns[0]:
        raise InputError(f"{paths[0]}: lists no files. Write one path per line.")
    return [Pair(*row) for row in zip(*columns, strict=True)]


def _listed(path: pathlib.Path) -> list[pathlib.Path]:
    if not path.is_file():
        raise InputError(f"{path}: there is no such text file. Check the path.")
    files = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        file = path.parent / line.strip()
        if not file.is_file():
            raise InputError(f"{path}, line {number}: {file} does not exist. Paths are relative to the text file.")
        files.append(file)
    return files
