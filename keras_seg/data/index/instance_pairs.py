"""Which instance masks belong to which image."""

import pathlib
from collections.abc import Mapping

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.pairs import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    SPLITS,
    ListedPairs,
    Pair,
    existing_folder,
    find_pairs,
    first_of,
    image_files,
    no_such_split,
    some_of,
    split_needed,
    subfolders,
)

# Folders whose names say that they hold objects.
OBJECT_FOLDERS = ("instances", "instance_masks")
_MAP_FOLDERS = (*OBJECT_FOLDERS, *MASK_FOLDERS)


def find_instance_pairs(
    path: PathLike | ListedPairs, *, split: str | None = None, allow_orphans: bool = False
) -> list[Pair]:
    """Pair the images of a folder with their instance masks.

    Three layouts are supported:

    - `path/images/a.jpg` and `path/masks/a.png` (or .tif, .npy): a map that numbers the objects, or a black and white
      mask. The folder of the maps may also be called instances; everything else is as in `find_pairs`.
    - `path/images/a.jpg` and `path/masks/a/*.png`: a folder with one mask per object.
    - `path/a/images/a.png` and `path/a/masks/*.png`: one folder per image, with one mask per object, as in the Data
      Science Bowl 2018.

    Each may lie in `path/train`, `path/val` and so on, with `split="train"`.

    Args:
        path: path, or pair of paths. The folder, or two text files as for `find_pairs`.
        split: str. Name of the split. Defaults to None, for a folder that is not divided.
        allow_orphans: bool. Skip images without masks and masks without an image. Defaults to False, which refuses
            them.

    Returns:
        List of `Pair`, sorted by the image's stem; `mask` is a file or a folder.

    Raises:
        InputError: The folder does not exist, there are no pairs, an image or a mask has no partner, or the folder
            mixes the first two layouts.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("a/images/a.png", "a/masks/0.png", "a/masks/1.png"):
        ...         file = pathlib.Path(folder, name)
        ...         file.parent.mkdir(parents=True, exist_ok=True)
        ...         file.touch()
        ...     [pair] = find_instance_pairs(folder)
        >>> pair.image.name, pair.mask.name
        ('a.png', 'masks')
    """
    if isinstance(path, (tuple, list)):
        return find_pairs(path, split=split, allow_orphans=allow_orphans)
    root = _split_root(path, split)
    folders = subfolders(root)
    image_folder, mask_folder = first_of(folders, IMAGE_FOLDERS), first_of(folders, _MAP_FOLDERS)
    if image_folder is None:
        return _one_folder_per_image(root, folders, allow_orphans=allow_orphans)
    objects = {} if mask_folder is None else subfolders(mask_folder, lower=False)
    if mask_folder is None or not objects:
        return find_pairs(root, split=None, allow_orphans=allow_orphans, mask_folders=_MAP_FOLDERS)
    loose = image_files(mask_folder)
    if loose:
        raise InputError(
            f"{mask_folder}: holds folders ({some_of(sorted(objects))}) and files ({some_of(f.name for f in loose)}). "
            "Keep either one folder of masks or one file per image."
        )
    images = {file.stem: file for file in image_files(image_folder)}
    if not allow_orphans:
        _refuse_unpaired(images, objects, image_folder, mask_folder)
    pairs = [Pair(images[stem], objects[stem]) for stem in sorted(images) if stem in objects]
    if not pairs:
        raise InputError(
            f"{root}: no image has a folder of masks ({len(images)} images, {len(objects)} folders). "
            "Give the folder the name of its image, as in images/a.png and masks/a/1.png."
        )
    return pairs


def find_instance_splits(path: PathLike) -> tuple[str, ...]:
    """The splits of a folder in any layout of `find_instance_pairs`.

    Args:
        path: path. The data folder.

    Returns:
        Tuple of those of "train", "val" and "test" that the folder has.

    Raises:
        InputError: The folder does not exist.
    """
    folders = subfolders(existing_folder(path))
    return tuple(
        split
        for split, names in SPLITS.items()
        if any(name in folders and _holds_images(folders[name]) for name in names)
    )


def _holds_images(folder: pathlib.Path) -> bool:
    folders = subfolders(folder)
    if first_of(folders, IMAGE_FOLDERS):
        return True
    return any(first_of(subfolders(inner), IMAGE_FOLDERS) for inner in folders.values())


def _split_root(path: PathLike, split: str | None) -> pathlib.Path:
    root = existing_folder(path)
    found = find_instance_splits(root)
    folders = subfolders(root)
    if split is None:
        if found and first_of(folders, IMAGE_FOLDERS) is None:
            raise split_needed(root, found)
        return root
    for name in SPLITS.get(split, (split,)):
        if name.lower() in folders:
            return folders[name.lower()]
    raise no_such_split(root, split, found)


def _one_folder_per_image(
    root: pathlib.Path, folders: Mapping[str, pathlib.Path], *, allow_orphans: bool
) -> list[Pair]:
    """The layout of the Data Science Bowl 2018."""
    pairs = []
    for folder in folders.values():
        inner = subfolders(folder)
        images, masks = first_of(inner, IMAGE_FOLDERS), first_of(inner, _MAP_FOLDERS)
        if images is None and masks is None:
            continue
        files = [] if images is None else image_files(images)
        if len(files) != 1 or masks is None:
            if allow_orphans:
                continue
            raise InputError(
                f"{folder}: must hold images/ with one image and masks/ with one mask per object. "
                f"It has {len(files)} images and {'no' if masks is None else 'a'} folder masks/."
            )
        pairs.append(Pair(files[0], masks))
    if not pairs:
        found = f"It holds: {some_of(sorted(folders), shown=6)}." if folders else "It holds no folders."
        raise InputError(
            f"{root}: there is no folder images/. {found} Expected: images/ and masks/, or one folder with "
            "these two per image."
        )
    return sorted(pairs, key=lambda pair: (pair.image.stem, pair.image))


def _refuse_unpaired(
    images: Mapping[str, pathlib.Path],
    objects: Mapping[str, pathlib.Path],
    image_folder: pathlib.Path,
    mask_folder: pathlib.Path,
) -> None:
    for lone, folder, kind, missing in (
        (sorted(images.keys() - objects.keys()), image_folder, "images", "folder of masks"),
        (sorted(objects.keys() - images.keys()), mask_folder, "folders", "image"),
    ):
        if lone and len(lone) < max(len(images), len(objects)):
            raise InputError(
                f"{folder}: {len(lone)} {kind} have no {missing}: {some_of(lone)}. "
                "Add the missing files, or move these files out of the folder."
            )


def object_files(folder: PathLike) -> list[pathlib.Path]:
    """The files of a folder with one mask per object."""
    files = image_files(pathlib.Path(folder))
    if not files:
        raise InputError(
            f"{folder}: holds no masks. Save one file per object, or one file of zeros if the image has no objects."
        )
    return files
