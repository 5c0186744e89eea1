"""Which objects belong to which image."""

import pathlib

from keras_seg._validation import InputError
from keras_seg.data.index.pairs import (
    IMAGE_FOLDERS,
    MASK_FOLDERS,
    SPLITS,
    Pair,
    existing_folder,
    find_pairs,
    first_of,
    image_files,
    some_of,
    subfolders,
)

_MAP_FOLDERS = ("instances", "instance_masks", *MASK_FOLDERS)


def find_instance_pairs(path, *, split=None, allow_orphans=False):
    """Pair the images of a folder with what numbers or holds their objects.

    Three layouts are read:

    - `path/images/a.jpg` and `path/masks/a.png` (or .tif, .npy): a map that numbers the objects, or a black and white
      mask. The folder of the maps may also be called instances; else all is as in `find_pairs`.
    - `path/images/a.jpg` and `path/masks/a/*.png`: a folder of masks, one for each object.
    - `path/a/images/a.png` and `path/a/masks/*.png`: the same, a folder for each image, as in the Data Science Bowl
      2018.

    Each may lie in `path/train`, `path/val` and so on, with `split="train"`.

    Args:
        path: the folder, or a pair of text files as for `find_pairs`.
        split: name of the split, or None where the folder is not divided.
        allow_orphans: leave out images without objects' files and the other way round, instead of refusing them.

    Returns:
        A list of `Pair`, sorted by the image's stem; `mask` is a file or a folder.

    Raises:
        InputError: no such folder, no pairs, orphans, or folders of both layouts.

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
        return find_pairs(path)
    root = _split_root(path, split)
    folders = subfolders(root)
    image_folder, mask_folder = first_of(folders, IMAGE_FOLDERS), first_of(folders, _MAP_FOLDERS)
    if image_folder is None:
        return _folder_an_image(root, folders, allow_orphans)
    objects = {} if mask_folder is None else subfolders(mask_folder, lower=False)
    if not objects:
        return find_pairs(root, split=None, allow_orphans=allow_orphans, mask_folders=_MAP_FOLDERS)
    loose = image_files(mask_folder)
    if loose:
        raise InputError(
            f"{mask_folder}: holds folders ({some_of(sorted(objects))}) and files ({some_of(f.name for f in loose)}). "
            "Keep either a folder of objects or a map for every image."
        )
    images = {file.stem: file for file in image_files(image_folder)}
    if not allow_orphans:
        _refuse_unpaired(images, objects, image_folder, mask_folder)
    pairs = [Pair(images[stem], objects[stem]) for stem in sorted(images) if stem in objects]
    if not pairs:
        raise InputError(
            f"{root}: no image has a folder of objects ({len(images)} images, {len(objects)} folders). "
            "Name the folder as its image, as in images/a.png and masks/a/1.png."
        )
    return pairs


def find_instance_splits(path):
    """The splits of a folder in any layout of `find_instance_pairs`, a tuple out of "train", "val" and "test"."""
    folders = subfolders(existing_folder(path))
    return tuple(
        split
        for split, names in SPLITS.items()
        if any(name in folders and _holds_images(folders[name]) for name in names)
    )


def _holds_images(folder):
    folders = subfolders(folder)
    if first_of(folders, IMAGE_FOLDERS):
        return True
    return any(first_of(subfolders(inner), IMAGE_FOLDERS) for inner in folders.values())


def _split_root(path, split):
    root = existing_folder(path)
    found = find_instance_splits(root)
    folders = subfolders(root)
    if split is None:
        if found and first_of(folders, IMAGE_FOLDERS) is None:
            raise InputError(f"{root}: the folder is divided into {', '.join(found)}. Pass split={found[0]!r}.")
        return root
    for name in SPLITS.get(split, (split,)):
        if name.lower() in folders:
            return folders[name.lower()]
    fix = f"It has: {', '.join(found)}." if found else "Leave `split` out, or make the folder."
    raise InputError(f"{root}: there is no split {split!r}. {fix}")


def _folder_an_image(root, folders, allow_orphans):
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
                f"{folder}: must hold images/ with one image and masks/ with one mask for each object. "
                f"It has {len(files)} images and {'no' if masks is None else 'a'} folder masks/."
            )
        pairs.append(Pair(files[0], masks))
    if not pairs:
        found = f"It holds: {some_of(sorted(folders), 6)}." if folders else "It holds no folders."
        raise InputError(
            f"{root}: there is no folder images/. {found} Expected: images/ and masks/, or a folder with these two for "
            "each image."
        )
    return sorted(pairs, key=lambda pair: (pair.image.stem, pair.image))


def _refuse_unpaired(images, objects, image_folder, mask_folder):
    for lone, folder, kind, missing in (
        (sorted(images.keys() - objects.keys()), image_folder, "images", "folder of objects"),
        (sorted(objects.keys() - images.keys()), mask_folder, "folders", "image"),
    ):
        if lone and len(lone) < max(len(images), len(objects)):
            raise InputError(
                f"{folder}: {len(lone)} {kind} have no {missing}: {some_of(lone)}. "
                "Add what is missing, or move these out of the folder."
            )


def object_files(folder):
    """The masks in a folder of one for each object."""
    files = image_files(pathlib.Path(folder))
    if not files:
        raise InputError(
            f"{folder}: holds no masks. Put one file for each object there; for an image without objects, one of zeros."
        )
    return files
