"""Which instance masks belong to which image."""

import pathlib
from collections.abc import Mapping

from keras_seg._decoding.arrays import is_array
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import existing_folder, first_of, image_files, list_folder, some_of, subfolders
from keras_seg.data.index.folder_roles import IMAGE_FOLDERS, MASK_FOLDERS, SPLITS
from keras_seg.data.index.layouts import no_such_split, split_needed
from keras_seg.data.index.pairs import ListedPairs, Pair, Pairing, find_splits, pair_files
from keras_seg.data.index.refusals import AmbiguousFolderError
from keras_seg.data.index.stem_matching import by_stem
from keras_seg.data.index.unicode_names import nfc

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
    return pair_instance_files(path, split=split, allow_orphans=allow_orphans).pairs


def pair_instance_files(
    path: PathLike | ListedPairs, *, split: str | None = None, allow_orphans: bool = False
) -> Pairing:
    """As `find_instance_pairs`, with the lines to show."""
    if isinstance(path, (tuple, list)):
        if len(path) == 2 and split is None and all(pathlib.Path(part).is_dir() for part in path):
            image_folder, mask_folder = map(pathlib.Path, path)
            if subfolders(mask_folder):
                return _folders_of_objects(image_folder, image_folder, mask_folder, allow_orphans=allow_orphans)
        return pair_files(path, split=split, allow_orphans=allow_orphans)
    root = existing_folder(path)
    own = _own_folder(root, split)
    if own is not None:
        root, split = own, None
    folders = subfolders(root)
    image_folder, mask_folder = first_of(folders, IMAGE_FOLDERS), first_of(folders, _MAP_FOLDERS)
    if image_folder is not None and mask_folder is not None:
        if split is not None:
            image_folder, mask_folder = (_inner(folder, split) for folder in (image_folder, mask_folder))
        if mask_folder is not None and image_folder is not None and _holds_objects(image_folder, mask_folder):
            return _folders_of_objects(root, image_folder, mask_folder, allow_orphans=allow_orphans)
    elif image_folder is None and split is None:
        scenes = [scene for inner in folders.values() if (scene := first_of(subfolders(inner), IMAGE_FOLDERS))]
        if len(scenes) == len(folders) == 1 and len(image_files(scenes[0])) > 1:
            # All images are one folder further down.
            return pair_instance_files(scenes[0].parent, allow_orphans=allow_orphans)
        if scenes:
            return _one_folder_per_image(root, folders, allow_orphans=allow_orphans)
    return pair_files(root, split=split, allow_orphans=allow_orphans, mask_folders=_MAP_FOLDERS)


def _holds_objects(image_folder: pathlib.Path, mask_folder: pathlib.Path) -> bool:
    """Whether there is a folder of masks per image, rather than the same subfolders for images and masks."""
    inner = subfolders(mask_folder)
    return bool(inner) and bool(image_files(image_folder)) and not (inner.keys() & subfolders(image_folder).keys())


def _folders_of_objects(
    root: pathlib.Path, image_folder: pathlib.Path, mask_folder: pathlib.Path, *, allow_orphans: bool
) -> Pairing:
    listing, masks = list_folder(image_folder), list_folder(mask_folder)
    objects = {nfc(folder.name): folder for folder in masks.folders}
    if masks.images:
        files = some_of(file.name for file in masks.images)
        raise AmbiguousFolderError(
            f"{mask_folder}: holds folders ({some_of(sorted(objects))}) and files ({files}). "
            "Keep either one folder of masks or one file per image."
        )
    images = by_stem(listing.images)
    if not allow_orphans:
        _refuse_unpaired(images, objects, image_folder, mask_folder)
    pairs = [Pair(images[stem], objects[stem]) for stem in sorted(images) if stem in objects]
    if not pairs:
        raise InputError(
            f"{root}: no image has a folder of masks ({len(images)} images, {len(objects)} folders). "
            "Give the folder the name of its image, as in images/a.png and masks/a/1.png."
        )
    unread = [(item.path.name, item.unread()) for item in (listing, masks) if item.others]
    notices = [f"{name}/: files that are not read: {files}." for name, files in unread]
    lone = sorted(images.keys() ^ objects.keys())
    if lone:
        notices.append(f"{len(lone)} without a partner, not used: {some_of(lone)}.")
    if listing.folders:
        notices.append(f"{image_folder.name}/: subfolders are not read: {some_of(f.name for f in listing.folders)}.")
    return Pairing(
        pairs=pairs,
        notices=tuple(notices),
        lone_images=tuple(images[stem] for stem in sorted(images.keys() - objects.keys())),
        lone_masks=tuple(objects[stem] for stem in sorted(objects.keys() - images.keys())),
    )


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
    found = find_splits(path)
    return tuple(
        split
        for split, names in SPLITS.items()
        if split in found or any(name in folders and _holds_images(folders[name]) for name in names)
    )


def _holds_images(folder: pathlib.Path) -> bool:
    folders = subfolders(folder)
    if first_of(folders, IMAGE_FOLDERS):
        return True
    return any(first_of(subfolders(inner), IMAGE_FOLDERS) for inner in folders.values())


def _own_folder(root: pathlib.Path, split: str | None) -> pathlib.Path | None:
    """The folder that holds the images and masks of a split; None if images and masks are divided further down."""
    found = find_instance_splits(root)
    folders = subfolders(root)
    if split is None:
        images = first_of(folders, IMAGE_FOLDERS)
        if found and (images is None or (find_splits(root) and not image_files(images))):
            raise split_needed(root, found)
        return root
    for name in SPLITS.get(split, (split,)):
        own = folders.get(name.lower())
        if own is not None and (subfolders(own) or split not in found):
            return own
    if split not in found:
        raise no_such_split(root, split, found)
    return None


def _inner(folder: pathlib.Path, split: str) -> pathlib.Path | None:
    return first_of(subfolders(folder), SPLITS.get(split, (split,)))


def _one_folder_per_image(root: pathlib.Path, folders: Mapping[str, pathlib.Path], *, allow_orphans: bool) -> Pairing:
    """The layout of the Data Science Bowl 2018."""
    pairs, left = [], []
    for folder in folders.values():
        inner = subfolders(folder)
        images, masks = first_of(inner, IMAGE_FOLDERS), first_of(inner, _MAP_FOLDERS)
        if images is None and masks is None:
            left.append(folder.name)
            continue
        files = [] if images is None else image_files(images)
        if len(files) != 1 or masks is None:
            if allow_orphans:
                left.append(folder.name)
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
    pairs.sort(key=lambda pair: (pair.image.stem, pair.image))
    notices = (f"Folders without an image and masks are not used: {some_of(left)}.",) if left else ()
    return Pairing(pairs=pairs, notices=notices)


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


def is_object_folder(mask: PathLike) -> bool:
    """Whether a mask is a folder with one file per object, rather than a file or a .zarr store."""
    return pathlib.Path(mask).is_dir() and not is_array(mask)


def object_files(folder: PathLike) -> list[pathlib.Path]:
    """The files of a folder with one mask per object."""
    files = image_files(pathlib.Path(folder))
    if not files:
        raise InputError(
            f"{folder}: holds no masks. Save one file per object, or one file of zeros if the image has no objects."
        )
    return files
