"""Index of a folder of images and masks: files, encoding of the masks and pixel counts, collected in one pass."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import DataIndex, image_fields
from keras_seg.data.index.exif_choice import check_fits, checked_choice
from keras_seg.data.index.image_facts import ImageFacts, image_facts, image_notices
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.label_names import names_for, names_given, reads_alike
from keras_seg.data.index.label_tools import colors_converted
from keras_seg.data.index.mask_facts import MaskFacts, mask_facts
from keras_seg.data.index.mask_reading import (
    MaskReading,
    ValueMap,
    apply_map,
    detect_reading,
    follow_reading,
    map_counts,
    rename_reading,
)
from keras_seg.data.index.packed_folder import is_packed_folder
from keras_seg.data.index.packed_pairs import packed_channels
from keras_seg.data.index.pairs import ListedPairs, Pair, pair_files, scanned_pairs
from keras_seg.data.index.reading import read_mask
from keras_seg.data.index.thread_map import checked_map, thread_count

_Colors = Mapping[tuple[int, int, int], int] | None


class PairFacts(NamedTuple):
    """An image, its mask, and what the files say."""

    pair: Pair
    image: ImageFacts
    mask: MaskFacts


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FolderIndex(DataIndex):
    """The pairs of a data folder and what a scan found in them. `scan_folder` creates it.

    Args:
        path: str. The folder.
        pairs: tuple of `Pair` (paths of image and mask), one per example.
        sizes: tuple of (height, width) in pixels, after the EXIF orientation, one per example.
        channels: int. Channels of the images. Defaults to 3.
        image_dtype: str. "uint8", or "float32" if any file has 16 bits or floats. Defaults to "uint8".
        image_range: (smallest, largest) value in the images on the scale 0..255, and (0, 255) for 8 bits. Defaults to
            None, for images that were not decoded.
        notices: tuple of str. One line per setting that was detected automatically. Defaults to ().
        exif_orientation: str. "apply" if files are turned as their EXIF orientation says, "ignore" if the stored pixels
            are read. Defaults to "apply".
        group_by: str. The expression by which `split_index` kept images together. Defaults to None.
        fold: (number, folds), such as (1, 5), of an index that `split_folds` made. Defaults to None.
        image_hashes: tuple of hashes by which copies of an image are found, one per example. Defaults to (), for images
            that were not decoded.
        encoding: the `LabelEncoding` of the masks.
        pixel_counts: int64 array (examples, num_classes). Pixels of each class in each mask.
        ignored_counts: int64 array (examples,). Pixels without a class in each mask.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. Defaults to None.
        value_maps: tuple of ((value in the file, value that the encoding reads), ...), one per example, for files of
            another scale or palette than the rest. Defaults to (), for none.
    """

    encoding: LabelEncoding
    pixel_counts: np.ndarray
    ignored_counts: np.ndarray
    colors: _Colors = None
    value_maps: tuple[ValueMap, ...] = ()

    _SCAN: ClassVar[str] = "scan_folder"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.encoding.num_classes

    @property
    def ignore_class(self) -> tuple[int, ...]:
        """The labels of pixels without a class."""
        return self.encoding.ignore_class

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per class."""
        return self.encoding.class_names or ()

    @property
    def class_pixels(self) -> np.ndarray:
        """int64 array (num_classes,): pixels of each class in all masks."""
        return self.pixel_counts.sum(0)

    @property
    def presence(self) -> np.ndarray:
        """bool array (examples, num_classes): which classes occur in each mask."""
        return self.pixel_counts > 0

    @property
    def _label_dtype(self) -> np.dtype:
        return self.encoding.dtype

    @property
    def _cache_key(self) -> str:
        encoding = self.encoding
        return str((self.channels, self.image_dtype, self.colors, self.exif_orientation)) + str(
            (encoding.threshold, encoding.label_map, encoding.dtype)
        )

    def _file_key(self, position: int) -> str:
        return self._cache_key + str(self._value_map(position))

    def _value_map(self, position: int) -> ValueMap:
        return self.value_maps[position] if self.value_maps else ()

    def read_labels(self, position: int) -> np.ndarray:
        """The class ids of an example, an integer array (height, width).

        Args:
            position: int. Position of the example, counted from 0.

        Raises:
            InputError: The mask can no longer be read.
        """
        values = read_mask(self.pairs[position].mask, colors=self.colors, exif_orientation=self.exif_orientation)
        return self.encoding.encode(apply_map(values, self._value_map(position)))


def scan_folder(
    path: PathLike | ListedPairs,
    *,
    split: str | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
    colors: _Colors = None,
    channels: int | None = None,
    workers: int | None = None,
    allow_orphans: bool = False,
    check_images: bool = True,
    encoding: LabelEncoding | None = None,
    exif_orientation: str | None = None,
) -> FolderIndex:
    """Pair, read and check the files of a data folder once: every mask, and by default every image.

    Two files may name the classes, in the folder, or beside it if it is called train, val or the like: `labels.json`,
    {"names": [...], "ignore_class": 11}, or `classes.txt` with one name per line. `labels.json` may also define how
    masks are read: "colors", [[red, green, blue], ...], lists the colors of ids 0, 1, ..., and "label_map",
    {"1": 0, "2": 1}, maps every mask value to its id; "exif_orientation" is the argument's. Arguments take precedence
    over the file.

    Masks of two classes may hold 0 and 1 or 0 and 255; each file is read by its own scale. Their black and white
    palettes are read by color, all others as ids. What was found out is in `notices`.

    Args:
        path: path, or pair of paths. The folder, which may hold shards, or two text files; see `find_pairs` for the
            layouts.
        split: str. "train", "val", ..., for folders that are divided. Defaults to None.
        num_classes: int >= 2. Number of classes. Defaults to None, which detects it from the masks.
        ignore_class: int or sequence of int. Labels of pixels without a class. Defaults to None.
        class_names: sequence of str. One name per class. Defaults to None.
        label_map: dict from every value in the masks to its id, such as {1: 0, 2: 1, 3: 2}. Values of `ignore_class`
            may be left out. Defaults to None.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. Defaults to None.
        channels: int. Channels to read the images with: 3 (RGB), 1 (gray), 4, or the number in `.npy` images. Defaults
            to None: 3, or as shards were packed.
        workers: int. Threads. Defaults to None, for the number of cores.
        allow_orphans: bool. Skip images without masks and masks without images. Defaults to False, which refuses them.
        check_images: bool. Decode every image (about 5 ms per megapixel and core), to find corrupt files before
            training starts. False reads the headers only. Defaults to True.
        encoding: `LabelEncoding`. Use this encoding instead of detecting one: that of the train split for the val
            split, for example. It replaces `num_classes`, `ignore_class`, `class_names`, `label_map` and `colors`. A
            label file whose names are in another order is matched by the names. Defaults to None.
        exif_orientation: str. "apply" if masks fit the images as viewers show them, turned by their EXIF orientation;
            "ignore" if they fit the stored pixels. Defaults to None, which detects it from the sizes, and asks where
            they do not tell.

    Returns:
        A `FolderIndex`.

    Raises:
        InputError: The folder cannot be used. One line names the file and the fix: no folder, no pairs, a file without
            a partner, a file that cannot be read, a mask of another size, a label out of range, names that disagree,
            masks that disagree or can be read in two ways.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=4, val=2, image_size=(48, 64))
        ...     index = scan_folder(path, split="train")
        >>> len(index), index.common_size, index.class_names[:2]
        (4, (48, 64), ('background', 'circle'))
    """
    if channels is None:
        channels = packed_channels(path) if is_packed_folder(path) else 3
    channels = _validation.integer("channels", channels)
    workers = thread_count(workers)
    _validation.boolean("check_images", check_images)
    if encoding is not None:
        _refuse_beside_encoding(
            num_classes=num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            label_map=label_map,
            colors=colors if encoding.colors else None,
        )
    pairing = scanned_pairs(
        pair_files,
        path,
        split=split,
        allow_orphans=allow_orphans,
        task="semantic",
        settings=(encoding, num_classes, ignore_class, class_names, label_map, colors),
    )
    labels = read_label_file(path, split)
    alike = encoding is None or reads_alike(labels, encoding)
    if encoding is None:
        class_names = _names_of_file(labels, num_classes) if class_names is None else class_names
    if colors is None:
        inherited = dict(encoding.colors) if encoding is not None and encoding.colors else None
        colors = inherited if encoding is not None and (alike or labels.colors is None) else labels.colors

    def look(pair: Pair) -> PairFacts:
        image = image_facts(pair.image, channels=channels, decode=check_images)
        mask = mask_facts(pair.mask, colors=colors)
        check_fits(pair, image.file, mask.file)
        return PairFacts(pair, image, mask)

    with colors_converted(path, task="semantic"):
        seen = checked_map(look, pairing.pairs, workers=workers)
    examples = [(facts.pair, facts.image.file, facts.mask.file) for facts in seen]
    wanted = labels.exif_orientation if exif_orientation is None else exif_orientation
    turning, turned = checked_choice(examples, wanted)
    return index_of_pairs(
        path,
        seen,
        labels=labels,
        channels=channels,
        exif_orientation=turning,
        num_classes=num_classes,
        ignore_class=labels.ignore_class if ignore_class is None else ignore_class,
        class_names=class_names,
        label_map=labels.label_map if label_map is None else label_map,
        colors=colors,
        encoding=encoding,
        notices=[*pairing.notices, *turned],
    )


def index_of_pairs(
    path: PathLike | ListedPairs,
    seen: Sequence[PairFacts],
    *,
    labels: LabelFile,
    channels: int,
    exif_orientation: str,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
    colors: _Colors = None,
    encoding: LabelEncoding | None = None,
    notices: Sequence[str] = (),
) -> FolderIndex:
    """The index of files that were looked at already: how all of their masks are read, decided from the facts.

    Args:
        path: the folder, for the index and for messages.
        seen: the facts of every example, whose sizes fit.
        labels: the label file.
        exif_orientation: "apply" or "ignore".
        notices: lines about the files.

    Other arguments: see `scan_folder`, after those of the label file took their place.

    Raises:
        InputError: The masks disagree, can be read in two ways, or hold a label out of range.
    """
    masks = [facts.mask for facts in seen]
    try:
        if encoding is None:
            reading = detect_reading(
                masks,
                num_classes=num_classes,
                ignore_class=ignore_class,
                class_names=class_names,
                label_map=label_map,
            )
        elif reads_alike(labels, encoding):
            reading = follow_reading(masks, encoding)
        else:
            reading = _by_names(masks, labels, encoding)
    except InputError as error:
        if str(error).startswith(tuple(f"{facts.path}:" for facts in masks)):
            raise
        raise InputError(f"{folder_name(path)}: {error}") from error
    if encoding is None:
        found = dataclasses.replace(reading.encoding, colors=tuple((colors or {}).items()), label_file=labels.content)
    else:
        found = reading.encoding
    pixel_counts = np.zeros((len(seen), found.num_classes), np.int64)
    ignored_counts = np.zeros(len(seen), np.int64)
    for row, (facts, value_map) in enumerate(zip(masks, reading.value_maps, strict=True)):
        values = map_counts(facts.counts, dict(value_map))
        found._check(values, facts.path)
        for id_, count in found._encode_counts(values).items():
            if id_ in found.ignore_class:
                ignored_counts[row] += count
            else:
                pixel_counts[row, id_] = count
    lines = [*notices, *image_notices([facts.image for facts in seen]), *reading.notices]
    missing = [(found.class_names or ())[id_] for id_ in np.flatnonzero(pixel_counts.sum(0) == 0)]
    if missing:
        lines.append(f"No mask holds class {', '.join(missing[:6])}{', ...' if len(missing) > 6 else ''}.")
    return FolderIndex(
        path=folder_name(path),
        encoding=found,
        pixel_counts=pixel_counts,
        ignored_counts=ignored_counts,
        colors=colors,
        value_maps=reading.value_maps if any(reading.value_maps) else (),
        notices=tuple(lines),
        **image_fields(seen, channels=channels, exif_orientation=exif_orientation),
    )


def _refuse_beside_encoding(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            _validation.fail(name, "cannot be combined with `encoding`, which defines it", value, f"Remove `{name}`.")


def _by_names(masks: Sequence[MaskFacts], labels: LabelFile, encoding: LabelEncoding) -> MaskReading:
    """The reading of a folder by its own label file, with the classes numbered as in the encoding of other data."""
    names = names_for(labels, encoding)
    own = detect_reading(
        masks,
        num_classes=len(names),
        ignore_class=encoding.ignore_class if labels.ignore_class is None else labels.ignore_class,
        class_names=names,
        label_map=labels.label_map if labels.label_map or labels.colors else dict(encoding.label_map) or None,
    )
    colors = labels.colors or dict(encoding.colors)
    own = dataclasses.replace(own, encoding=dataclasses.replace(own.encoding, colors=colors, label_file=labels.content))
    reading = rename_reading(own, masks, encoding)
    if not names_given(encoding) or labels.names in (None, encoding.class_names):
        notice = f"Masks are read as {labels.path} says, which differs from the training data."
    else:
        notice = f"{labels.path} names the classes in another order than the training data: matched by their names."
    return dataclasses.replace(reading, notices=(*reading.notices, notice))


def _names_of_file(labels: LabelFile, num_classes: int | None) -> tuple[str, ...] | None:
    names = labels.names
    if names is not None and num_classes is not None and len(names) != num_classes:
        raise InputError(
            f"{labels.path}: lists {len(names)} classes, but num_classes={num_classes}. Change one of the two."
        )
    return names


def folder_name(path: PathLike | ListedPairs) -> str:
    """A data folder, or a pair of text files, as text."""
    return " + ".join(str(part) for part in path) if isinstance(path, (tuple, list)) else str(path)
