"""Class masks painted from the objects of Open Images, as a data folder."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import warnings
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_seg import _files, _progress, _validation
from keras_seg._types import PathLike, Progress
from keras_seg._validation import InputError
from keras_seg.data.index.pairs import SPLITS as SPLIT_NAMES
from keras_seg.data.index.pairs import existing_folder, some_of
from keras_seg.data.index.reading import image_size, read_mask
from keras_seg.data.index.thread_map import thread_count, thread_map
from keras_seg.data.sources.open_images_files import SPLITS, Release

_BACKGROUND = "background"
_SETTINGS = "open_images.json"
_RULE = 'must be names such as ("Person", "Dog"), a dict from names to them, or None'
# The size of a mask is a multiple of the size of its image, except for rounding: a pixel, and one part in a hundred.
_SHAPE_TOLERANCE = 0.01

# From ImageID to the (MaskPath, label) of its objects.
_Objects = dict[str, list[tuple[str, str]]]
# Names or labels of classes, or a dict from the name of a class to one or several of them.
Classes = str | Sequence[str] | Mapping[str, str | Sequence[str]] | None


def write_open_images(
    path: PathLike,
    *,
    split: str = "train",
    classes: Classes = None,
    workers: int | None = None,
    allow_orphans: bool = False,
    unlabeled: str = "background",
    max_images: int | None = None,
    destination: PathLike | None = None,
    progress: Progress = True,
) -> pathlib.Path:
    """Paint the objects of a downloaded Open Images release into class masks, as a folder for `from_folder`.

    Open Images has one file per object, often with more pixels than the image, and decoding all of them in every epoch
    is slow. This function paints them once; `scan_folder`, `class_weights`, `keras-seg train` and everything else then
    work on the folder as on any other.

    `destination` gets `SPLIT/images` (hard links to the images; symbolic links or copies on file systems without them),
    `SPLIT/masks` and `labels.json`. Files appear only when complete, and existing files are kept: call the function
    again after an interruption, or for the next split.

    Masks are resized to the image by nearest neighbor. Where objects overlap, the smaller one is on top. Class 0 is the
    background; the classes follow in the given order. 255 marks pixels without a class (65535 with more than 254
    classes, in 16-bit masks).

    Args:
        path: path. The folder of the download; see `from_open_images` for the files.
        split: str. "train", "validation" ("val") or "test". Defaults to "train".
        classes: names ("Person") or labels ("/m/01g317"), or a dict from the name of a class to one or several of them.
            Open Images gives an object its most specific class: a man is "Man" and not "Person" too, so all people are
            {"person": ("Person", "Man", "Woman", "Boy", "Girl")}. Defaults to None, for all 350, which needs
            classes-segmentation.txt.
        workers: int >= 1. Threads. Defaults to None, for the number of cores.
        allow_orphans: bool. Skip, with a warning, images whose masks are missing, damaged or of another shape. Defaults
            to False, which refuses them.
        unlabeled: the label of pixels outside all masks. "background": class 0. "ignore": class 0 only in images where
            each class either has a mask or is verified to be absent in
            SPLIT-annotations-human-imagelabels-boxable.csv (if downloaded), and no class in all others. Each image was
            annotated for a few classes: with more classes, "background" mislabels more pixels and "ignore" excludes
            more. Neither uses objects that have a box and no mask. Defaults to "background".
        max_images: int >= 1. Use at most that many images, the first ones by ImageID, which is random. Defaults to
            None.
        destination: path. Folder to write. Defaults to None, for a folder in `path` named after the other arguments.
        progress: True for a progress bar, False or None for none, or a function called with (done, total). Defaults to
            True.

    Returns:
        The destination as a `pathlib.Path`.

    Raises:
        InputError: A table, a mask or a class is missing, the destination holds other files, or no image is left.

    Examples:

    ```python
    folder = keras_seg.data.write_open_images("open_images", split="validation", classes=("Cat", "Dog"))
    index = keras_seg.data.scan_folder(folder, split="validation")
    ```
    """
    split = _validation.one_of("split", "validation" if split in SPLIT_NAMES["val"] else split, SPLITS)
    _validation.one_of("unlabeled", unlabeled, ("background", "ignore"))
    _validation.boolean("allow_orphans", allow_orphans)
    if max_images is not None:
        _validation.integer("max_images", max_images)
    _progress.check_progress(progress)
    workers = thread_count(workers)
    release = Release(pathlib.Path(path), split)
    members = _members(release, classes)
    settings = {"classes": members, "unlabeled": unlabeled, "max_images": max_images}
    destination = _destination(release.folder, destination, settings)
    ids = {label: id_ for id_, labels in enumerate(members.values(), 1) for label in labels}
    images = release.images()
    objects = release.instances(ids, images)
    where = release.masks({mask for group in objects.values() for mask, _ in group})
    objects, left_out = _complete(release, objects, where, allow_orphans=allow_orphans)
    objects = dict(list(objects.items())[:max_images])
    if not objects:
        raise InputError(
            f"{release.folder}: none of the {len(images)} images of the {split} split has a mask of "
            f"{some_of(members)}. Download the images that the table of masks names, or pass other classes."
        )
    void = 255 if len(members) < 255 else 65535
    unsure = _unsure(release, members, objects) if unlabeled == "ignore" else set()

    _files.write_json(destination / _SETTINGS, settings)
    _files.write_json(destination / "labels.json", {"names": [_BACKGROUND, *members], "ignore_class": void})
    target = destination / split
    for kind in ("images", "masks"):
        _files.make_folder(target / kind)

    def write(image_id: str) -> str | None:
        """Write one image and its mask; returns why it was skipped, if so."""
        image, mask = target / "images" / f"{image_id}.jpg", target / "masks" / f"{image_id}.png"
        if not (mask.exists() and image.exists()):
            layers = [(where[name], ids[label]) for name, label in objects[image_id]]
            try:
                painted = _painted(images[image_id], layers, rest=void if image_id in unsure else 0, void=void)
            except InputError as error:
                if not allow_orphans:
                    raise
                return f"{image_id} ({error})"
            _place(images[image_id], image)
            with _files.written_aside(mask, overwrite=True) as aside:
                Image.fromarray(painted).save(aside)
        return None

    with _progress.progress_report(progress, total=len(objects), unit="images") as report:
        for done, wrong in enumerate(thread_map(write, objects, workers=workers), 1):
            left_out += [wrong] if wrong else []
            report(done)
    if left_out:
        warnings.warn(f"{release.folder}: {len(left_out)} images are skipped: {some_of(left_out)}.", stacklevel=2)
    return destination


def _members(release: Release, classes: Classes) -> dict[str, list[str]]:
    """dict from the name of a class to the list of its labels."""
    table = release.class_names()
    segmented = release.segmented_labels()
    if classes is None:
        if segmented is None:
            _validation.fail(
                "classes",
                f"must be given, because {release.folder} holds no classes-segmentation.txt",
                classes,
                'Pass classes=("Person", "Dog"), or download that file for all 350.',
            )
        classes = segmented
    elif isinstance(classes, str):
        classes = (classes,)
    if not hasattr(classes, "__iter__"):
        _validation.fail("classes", _RULE, classes)
    classes = classes if isinstance(classes, dict) else tuple(classes)
    if not classes or not all(isinstance(item, str) for item in classes):
        _validation.fail("classes", _RULE, classes)
    # Pairs, so that a repeated name is noticed.
    groups = list(classes.items()) if isinstance(classes, dict) else [(item, item) for item in classes]
    if any(not isinstance(items, (str, tuple, list)) for _, items in groups):
        _validation.fail("classes", _RULE, classes)
    members = {}
    for name, items in groups:
        labels = [_label(release, table, segmented, item) for item in ((items,) if isinstance(items, str) else items)]
        members[table.get(name, name)] = labels
    every = [label for labels in members.values() for label in labels]
    twice = len(members) < len(groups) or len(set(every)) < len(every)
    if twice or _BACKGROUND in members or not all(members.values()):
        _validation.fail("classes", "must hold every class once and none called background, which is class 0", classes)
    return members


def _label(release: Release, table: Mapping[str, str], segmented: Sequence[str] | None, item: str) -> str:
    """The label of a class, given as label or name."""
    if not isinstance(item, str):
        _validation.fail("classes", _RULE, item)
    with_masks = {label: table.get(label, label) for label in (table if segmented is None else segmented)}
    if item in with_masks:
        return item
    for label, name in with_masks.items():
        if name.casefold() == item.casefold():
            return label
    fix = _validation.nearest(item, with_masks.values())
    # 350 names are too many for one line.
    fix = fix if fix.startswith("Did") or len(with_masks) < 10 else f"The names are in {release.class_table()}."
    known = item in table or item in table.values()
    raise InputError(f"`classes` holds {item!r}, {'which has no masks' if known else 'which is not a class'}. {fix}")


def _destination(folder: pathlib.Path, destination: PathLike | None, settings: Mapping[str, Any]) -> pathlib.Path:
    """The folder to write to, if it is new or was written with the same settings."""
    if destination is None:
        names = "-".join(settings["classes"])
        stamp = hashlib.sha1(json.dumps(settings).encode()).hexdigest()[:8]
        destination = folder / "painted" / f"{re.sub('[^A-Za-z0-9-]', '_', names)[:40]}-{stamp}"
    destination = pathlib.Path(destination)
    if not destination.exists():
        return destination
    existing_folder(destination)
    file = destination / _SETTINGS
    if file.is_file():
        try:
            # As text: equal dicts may list their classes in different orders, which gives different ids.
            same = json.dumps(json.loads(file.read_text(encoding="utf-8"))) == json.dumps(settings)
        except ValueError:
            same = False
        if same:
            return destination
        raise InputError(
            f"{destination}: was written with other classes, `unlabeled` or `max_images` (see {_SETTINGS}). "
            "Choose another destination, or remove it."
        )
    if any(destination.iterdir()):
        raise InputError(f"{destination}: is not empty. Choose another destination.")
    return destination


def _complete(
    release: Release, objects: _Objects, where: Collection[str], *, allow_orphans: bool
) -> tuple[_Objects, list[str]]:
    """The images whose masks all exist, and with `allow_orphans` the ids of the others."""
    lone = {image: mask for image, group in objects.items() for mask, _ in group if mask not in where}
    if lone and not allow_orphans:
        mask = next(iter(lone.values()))
        raise InputError(
            f"{release.folder}: {len(lone)} of {len(objects)} images lack masks, such as {mask}. "
            f"Unpack {release.archive_of(mask)} into masks/{release.split}/, or pass allow_orphans=True to skip such "
            "images."
        )
    return {image: group for image, group in objects.items() if image not in lone}, list(lone)


def _unsure(release: Release, members: Mapping[str, Sequence[str]], objects: _Objects) -> set[str]:
    """The images that may hold a class without a mask."""
    absent = release.absent({label for labels in members.values() for label in labels}, objects)

    def settled(labels: Sequence[str], masked: set[str], missing: set[str]) -> bool:
        # A class of several labels is present if any of them is, and absent if all are.
        return not masked.isdisjoint(labels) or missing.issuperset(labels)

    return {
        image
        for image, group in objects.items()
        if not all(
            settled(labels, {label for _, label in group}, absent.get(image, set())) for labels in members.values()
        )
    }


def _painted(image: PathLike, layers: Iterable[tuple[PathLike, int]], *, rest: int, void: int) -> np.ndarray:
    """The mask of an image: uint8, or uint16 for many classes.

    Args:
        image: path of the image.
        layers: list of (path of a mask, class id).
        rest: the label of the pixels outside all masks.
        void: the label of pixels without a class.
    """
    height, width = image_size(image)
    objects = []
    for path, id_ in layers:
        inside = read_mask(path) != 0
        rows, columns = inside.shape
        # Equal products mean equal shapes; a side rounded by a pixel changes a product by another side.
        ours, its = rows * width, columns * height
        if abs(ours - its) > _SHAPE_TOLERANCE * max(ours, its) + max(width, height, rows, columns):
            raise InputError(
                f"{path}: the mask is {rows}x{columns} (height x width), which does not fit the shape of its image, "
                f"{height}x{width}. Download both again, or pass allow_orphans=True to skip such images."
            )
        shrunk = Image.fromarray(inside.astype("uint8")).resize((width, height), Image.Resampling.NEAREST)
        objects.append((inside.mean(), str(path), np.array(shrunk) != 0, id_))
    painted = np.full((height, width), rest, "uint8" if void == 255 else "uint16")
    for _, _, inside, id_ in sorted(objects, key=lambda item: (-item[0], item[1])):
        painted[inside] = id_
    return painted


def _place(image: PathLike, target: pathlib.Path) -> None:
    """Link the image to another place, or copy it if links are not possible."""
    if target.exists():
        return
    for way in (os.link, lambda source, link: os.symlink(os.path.abspath(source), link)):
        with contextlib.suppress(OSError):
            way(image, target)
            return
    with _files.written_aside(target, overwrite=True) as aside:
        shutil.copyfile(image, aside)
