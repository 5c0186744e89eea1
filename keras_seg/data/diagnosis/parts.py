"""The files of a data folder by split and role."""

import contextlib
import dataclasses
import pathlib
from collections.abc import Iterator

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import existing_folder, image_files, walk
from keras_seg.data.index.instance_pairs import find_instance_splits, is_object_folder, pair_instance_files
from keras_seg.data.index.label_tools import joined
from keras_seg.data.index.multilabel_index import class_examples
from keras_seg.data.index.packed_folder import refuse_packed
from keras_seg.data.index.pairs import ListedPairs, Pair, find_splits, pair_files
from keras_seg.data.index.refusals import SeveralMasksError
from keras_seg.data.index.several_masks import Example, several_masks


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """The files of one split, or of a folder without splits.

    Args:
        split: str, or None.
        objects: bool. Whether the masks are of objects. Defaults to False.
        pairs, lone_images, lone_masks: what `pair_files` found.
        others: files of other types beside them.
        loose: all image files, if they cannot be paired.
        error: why they cannot be paired, or "".
        several: the error if images have several masks.
        examples: the images with one mask per class, for the task "multilabel", or those that have several.
    """

    split: str | None
    objects: bool = False
    pairs: tuple[Pair, ...] = ()
    lone_images: tuple[pathlib.Path, ...] = ()
    lone_masks: tuple[pathlib.Path, ...] = ()
    others: tuple[pathlib.Path, ...] = ()
    loose: tuple[pathlib.Path, ...] = ()
    error: str = ""
    several: SeveralMasksError | None = None
    examples: tuple[Example, ...] = ()


def list_parts(path: PathLike | ListedPairs, task: str | None) -> list[Part]:
    """One part per split. Masks are of objects if `task` says so, or if it is None and each image has a folder of them.

    Raises:
        InputError: The folder does not exist, or holds shards.
    """
    if isinstance(path, (tuple, list)):
        return [_part(path, None, task)]
    refuse_packed(path)
    if task == "multilabel":
        return [_classes_part(existing_folder(path), split) for split in find_splits(path) or (None,)]
    splits = find_instance_splits(path) if task == "instances" else find_splits(path) or find_instance_splits(path)
    return [_part(path, split, task) for split in splits or (None,)]


def _part(path: PathLike | ListedPairs, split: str | None, task: str | None) -> Part:
    # Two text files list exactly the pairs that are meant.
    orphans = not isinstance(path, (tuple, list)) or any(pathlib.Path(part).is_dir() for part in path)
    errors: list[InputError] = []
    for name in (task,) if task else ("semantic", "instances"):
        try:
            find = pair_instance_files if name == "instances" else pair_files
            pairing = find(path, split=split, allow_orphans=orphans)
        except InputError as error:
            errors.append(error)
            continue
        if task is None and name == "instances" and not is_object_folder(pairing.pairs[0].mask):
            continue
        folders = {pair.image.parent for pair in pairing.pairs} | {pair.mask.parent for pair in pairing.pairs}
        return Part(
            split=split,
            objects=name == "instances",
            pairs=tuple(pairing.pairs),
            lone_images=pairing.lone_images,
            lone_masks=pairing.lone_masks,
            others=tuple(file for folder in sorted(folders) for file in _others(folder)) if orphans else (),
        )
    loose = _all_images(pathlib.Path(path)) if split is None and not isinstance(path, (tuple, list)) else ()
    error = errors[0]
    if isinstance(error, SeveralMasksError) and not isinstance(path, (tuple, list)):
        error = joined(error, pathlib.Path(path), task=task or "semantic")
    several = error if isinstance(error, SeveralMasksError) else None
    examples: tuple[Example, ...] = ()
    if several is not None and not isinstance(path, (tuple, list)):
        with contextlib.suppress(InputError):
            examples = several_masks(pathlib.Path(path), split).found
    return Part(
        split=split,
        loose=() if examples else tuple(loose),
        error=str(error),
        several=several,
        examples=examples,
    )


def _classes_part(path: pathlib.Path, split: str | None) -> Part:
    try:
        found = class_examples(path, split, allow_orphans=True)
    except InputError as error:
        return Part(split=split, loose=() if split else tuple(_all_images(path)), error=str(error))
    images = {file for file in found.left_out if file.parent in {item.image.parent for item in found.found}}
    return Part(
        split=split,
        lone_images=tuple(file for file in found.left_out if file in images),
        lone_masks=tuple(file for file in found.left_out if file not in images),
        examples=found.found,
    )


def _others(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    known = set(image_files(folder))
    found = (entry for entry in sorted(folder.iterdir()) if entry.name[0] != "." and entry.is_file())
    return (file for file in found if file not in known)


def _all_images(path: pathlib.Path) -> Iterator[pathlib.Path]:
    return (file for listing in walk(path) for file in listing.images)
