"""Class masks painted from the objects of Open Images, as a data folder."""

import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import warnings

import keras
import numpy as np
from PIL import Image

from keras_seg import _files, _validation
from keras_seg._validation import InputError
from keras_seg.data.index.pairs import SPLITS as SPLIT_NAMES
from keras_seg.data.index.pairs import existing_folder, some_of
from keras_seg.data.index.reading import image_size, read_mask
from keras_seg.data.sources.open_images_files import SPLITS, Release

_BACKGROUND = "background"
_SETTINGS = "open_images.json"
_RULE = 'must be names such as ("Person", "Dog"), a dict from names to them, or None'
# A mask is a multiple of its image but for rounding: a pixel, and one part in a hundred.
_SHAPE_TOLERANCE = 0.01


def write_open_images(
    folder,
    *,
    destination=None,
    split="train",
    classes=None,
    unlabeled="background",
    max_images=None,
    allow_orphans=False,
    workers=None,
    verbose=True,
):
    """Paint the objects of a downloaded Open Images release into masks of classes, as a folder for `from_folder`.

    Open Images has one file for each object, often of more pixels than the image, and decoding them all again in every
    epoch costs time. So they are painted once; and every other part of the package, `scan_folder`, `class_weights`,
    `keras-seg train`, works on the folder as on any other.

    `destination` gets `SPLIT/images` (hard links to the images; symbolic links or copies where the file system has
    none), `SPLIT/masks` and `labels.json`. Every file is put in place when it is whole, and what is there already is
    not made again: call it again after an interruption, or for the next split.

    Masks are brought to the size of the image by nearest neighbor. Where objects overlap, the smaller one lies on top.
    Class 0 is the background; the classes follow in the order they are given in. 255 marks pixels without a class
    (65535 with more than 254 classes, in masks of 16 bits).

    Args:
        folder: the folder with the download; see `from_open_images` for the files.
        destination: folder to write. None for a folder in `folder`, named after the other arguments.
        split: "train", "validation" ("val") or "test".
        classes: names ("Person") or labels ("/m/01g317"), or a dict from the name of a class to one or several of
            these. Open Images gives an object its most special class: a man is "Man" and not "Person" too, so that all
            people are {"person": ("Person", "Man", "Woman", "Boy", "Girl")}. None for all 350, which needs
            classes-segmentation.txt.
        unlabeled: what pixels outside all masks are. "background": of class 0. "ignore": of class 0 only in images
            where each class either has a mask or is verified to be absent in
            SPLIT-annotations-human-imagelabels-boxable.csv (if downloaded), and without a class in all others. Images
            were asked about few classes each: the more classes are taken, the more pixels "background" labels wrongly
            and "ignore" leaves out. Objects that have a box and no mask are known to neither.
        max_images: take that many images at most, the first ones by ImageID, which is random.
        allow_orphans: leave out, with a warning, images whose masks are missing, broken or of another shape.
        workers: threads; the number of cores by default.
        verbose: show a progress bar.

    Returns:
        The destination as a `pathlib.Path`.

    Raises:
        InputError: a table, a mask or a class is missing, the destination holds something else, or no image is left.

    Examples:

    ```python
    folder = keras_seg.data.write_open_images("open_images", "pets", split="validation", classes=("Cat", "Dog"))
    index = keras_seg.data.scan_folder(folder, split="validation")
    ```
    """
    split = _validation.one_of("split", "validation" if split in SPLIT_NAMES["val"] else split, SPLITS)
    _validation.one_of("unlabeled", unlabeled, ("background", "ignore"))
    _validation.boolean("allow_orphans", allow_orphans)
    if max_images is not None:
        _validation.integer("max_images", max_images)
    workers = _validation.integer("workers", workers or os.cpu_count() or 1)
    release = Release(pathlib.Path(folder), split)
    members = _members(release, classes)
    settings = {"classes": members, "unlabeled": unlabeled, "max_images": max_images}
    destination = _destination(release.folder, destination, settings)
    ids = {label: id_ for id_, labels in enumerate(members.values(), 1) for label in labels}
    images = release.images()
    objects = release.instances(ids, images)
    where = release.masks({mask for group in objects.values() for mask, _ in group})
    objects, left_out = _complete(release, objects, where, allow_orphans)
    objects = dict(list(objects.items())[:max_images])
    if not objects:
        raise InputError(
            f"{release.folder}: of {len(images)} images of the {split} split none has a mask of "
            f"{some_of(members)}. Download the images that the table of masks names, or pass other classes."
        )
    void = 255 if len(members) < 255 else 65535
    unsure = _unsure(release, members, objects) if unlabeled == "ignore" else set()

    _files.write_json(destination / _SETTINGS, settings)
    _files.write_json(destination / "labels.json", {"names": [_BACKGROUND, *members], "ignore_class": void})
    target = destination / split
    for kind in ("images", "masks"):
        (target / kind).mkdir(parents=True, exist_ok=True)

    def write(image_id):
        image, mask = target / "images" / f"{image_id}.jpg", target / "masks" / f"{image_id}.png"
        if not (mask.exists() and image.exists()):
            layers = [(where[name], ids[label]) for name, label in objects[image_id]]
            try:
                painted = _painted(images[image_id], layers, void if image_id in unsure else 0, void)
            except InputError as error:
                if not allow_orphans:
                    raise
                return f"{image_id} ({error})"
            _place(images[image_id], image)
            with _files.written_aside(mask, overwrite=True) as aside:
                Image.fromarray(painted).save(aside)
        return None

    bar = keras.utils.Progbar(len(objects), verbose=1 if verbose else 0, unit_name="image")
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            for wrong in pool.map(write, objects):
                left_out += [wrong] if wrong else []
                bar.add(1)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    if left_out:
        warnings.warn(f"{release.folder}: {len(left_out)} images are left out: {some_of(left_out)}.", stacklevel=2)
    return destination


def _members(release, classes):
    """dict from the name of a class to the list of its labels."""
    table = release.class_names()
    segmented = release.segmented_labels()
    if classes is None:
        if segmented is None:
            _validation.fail(
                "classes",
                f"must be given, as there is no classes-segmentation.txt in {release.folder}",
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
    # Pairs, as a name that comes twice is to be seen.
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


def _label(release, table, segmented, item):
    """The label of a class that is given by its label or its name."""
    if not isinstance(item, str):
        _validation.fail("classes", _RULE, item)
    with_masks = {label: table.get(label, label) for label in (table if segmented is None else segmented)}
    if item in with_masks:
        return item
    for label, name in with_masks.items():
        if name.casefold() == item.casefold():
            return label
    fix = _validation.nearest(item, with_masks.values())
    # 350 names are too long to be of use in one line.
    fix = fix if fix.startswith("Did") or len(with_masks) < 10 else f"The names are in {release.class_table()}."
    known = item in table or item in table.values()
    raise InputError(f"`classes` holds {item!r}, {'which has no masks' if known else 'which is no class'}. {fix}")


def _destination(folder, destination, settings):
    """The folder to write to, when it is new or holds the same classes."""
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
            # As text: equal dicts may have their classes in another order, which is another id for each.
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


def _complete(release, objects, where, allow_orphans):
    """The images whose masks are all there, and the ids of the others, where that is allowed."""
    lone = {image: mask for image, group in objects.items() for mask, _ in group if mask not in where}
    if lone and not allow_orphans:
        mask = next(iter(lone.values()))
        raise InputError(
            f"{release.folder}: {len(lone)} of {len(objects)} images lack masks, the first {mask}. "
            f"Unpack {release.archive_of(mask)} into masks/{release.split}/, or pass allow_orphans=True to leave such "
            "images out."
        )
    return {image: group for image, group in objects.items() if image not in lone}, list(lone)


def _unsure(release, members, objects):
    """The images where a class may be that has no mask."""
    absent = release.absent({label for labels in members.values() for label in labels}, objects)

    def settled(labels, masked, missing):
        # A class of several labels is there by any of them, and absent by all.
        return not masked.isdisjoint(labels) or missing.issuperset(labels)

    return {
        image
        for image, group in objects.items()
        if not all(
            settled(labels, {label for _, label in group}, absent.get(image, set())) for labels in members.values()
        )
    }


def _painted(image, layers, rest, void):
    """The mask of an image: uint8, or uint16 for many classes.

    Args:
        image: path of the image.
        layers: list of (path of a mask, class id).
        rest: what the pixels outside all masks are.
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
                f"{path}: the mask is {rows}x{columns} (height x width), which has not the shape of its image, "
                f"{height}x{width}. Download both anew, or pass allow_orphans=True to leave such images out."
            )
        shrunk = Image.fromarray(inside.astype("uint8")).resize((width, height), Image.Resampling.NEAREST)
        objects.append((inside.mean(), str(path), np.array(shrunk) != 0, id_))
    painted = np.full((height, width), rest, "uint8" if void == 255 else "uint16")
    for _, _, inside, id_ in sorted(objects, key=lambda item: (-item[0], item[1])):
        painted[inside] = id_
    return painted


def _place(image, target):
    """Have the image at another place, without its bytes twice where that can be."""
    if target.exists():
        return
    for way in (os.link, lambda source, link: os.symlink(os.path.abspath(source), link)):
        with contextlib.suppress(OSError):
            way(image, target)
            return
    with _files.written_aside(target, overwrite=True) as aside:
        shutil.copyfile(image, aside)
