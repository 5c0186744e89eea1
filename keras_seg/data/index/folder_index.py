"""Index of a folder of images and masks: files, encoding of the masks and pixel counts, collected in one pass."""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.image_facts import ImageFacts, image_facts
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.pairs import ListedPairs, Pair, pair_files
from keras_seg.data.index.reading import read_mask
from keras_seg.data.index.thread_map import checked_map, thread_count

_BITS_8 = 256
_Colors = Mapping[tuple[int, int, int], int] | None


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FolderIndex(DataIndex):
    """The pairs of a data folder and what a scan found in them. `scan_folder` creates it.

    Args:
        path: str. The folder.
        pairs: tuple of `Pair` (paths of image and mask), one per example.
        sizes: tuple of (height, width) in pixels, after the EXIF orientation, one per example.
        channels: int. Channels of the images. Defaults to 3.
        image_dtype: str. "uint8", or "float32" if any file has 16 bits or floats. Defaults to "uint8".
        notices: tuple of str. One line per setting that was detected automatically. Defaults to ().
        group_by: str. The expression by which `split_index` kept images together. Defaults to None.
        encoding: the `LabelEncoding` of the masks.
        pixel_counts: int64 array (examples, num_classes). Pixels of each class in each mask.
        ignored_counts: int64 array (examples,). Pixels without a class in each mask.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. Defaults to None.
    """

    encoding: LabelEncoding
    pixel_counts: np.ndarray
    ignored_counts: np.ndarray
    colors: _Colors = None

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
        return str((self.channels, self.image_dtype, self.colors)) + str(
            (encoding.threshold, encoding.label_map, encoding.dtype)
        )

    def read_labels(self, position: int) -> np.ndarray:
        """The class ids of an example, an integer array (height, width).

        Args:
            position: int. Position of the example, counted from 0.

        Raises:
            InputError: The mask can no longer be read.
        """
        return self.encoding.encode(read_mask(self.pairs[position].mask, colors=self.colors))


def scan_folder(
    path: PathLike | ListedPairs,
    *,
    split: str | None = None,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = None,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
    colors: _Colors = None,
    channels: int = 3,
    workers: int | None = None,
    allow_orphans: bool = False,
    check_images: bool = True,
    encoding: LabelEncoding | None = None,
) -> FolderIndex:
    """Pair, read and check the files of a data folder once: every mask, and by default every image.

    Two files may name the classes, in the folder, or beside it if it is called train, val or the like: `labels.json`,
    {"names": [...], "ignore_class": 11}, or `classes.txt` with one name per line. `labels.json` may also define how
    masks are read: "colors", [[red, green, blue], ...], lists the colors of ids 0, 1, ..., and "label_map",
    {"1": 0, "2": 1}, maps mask values to ids. Arguments take precedence over the file.

    Args:
        path: path, or pair of paths. The folder, or two text files; see `find_pairs` for the layouts.
        split: str. "train", "val", ..., for folders that are divided. Defaults to None.
        num_classes: int >= 2. Number of classes. Defaults to None, which detects it from the masks.
        ignore_class: int or sequence of int. Labels of pixels without a class. Defaults to None.
        class_names: sequence of str. One name per class. Defaults to None.
        label_map: dict from a value in the masks to its id, such as {1: 0, 2: 1, 3: 2}. Defaults to None.
        colors: dict from color (red, green, blue) to id, for masks painted in colors. Defaults to None.
        channels: int. Channels to read the images with: 3 (RGB), 1 (gray), 4, or the number in `.npy` images. Defaults
            to 3.
        workers: int. Threads. Defaults to None, for the number of cores.
        allow_orphans: bool. Skip images without masks and masks without images. Defaults to False, which refuses them.
        check_images: bool. Decode every image (about 5 ms per megapixel and core), to find corrupt files before
            training starts. False reads the headers only. Defaults to True.
        encoding: `LabelEncoding`. Use this encoding instead of detecting one: that of the train split for the val
            split, for example. It replaces `num_classes`, `ignore_class`, `class_names` and `label_map`. Defaults to
            None.

    Returns:
        A `FolderIndex`.

    Raises:
        InputError: The folder cannot be used. One line names the file and the fix: no folder, no pairs, a file without
            a partner, a file that cannot be read, a mask of another size, a label out of range, names that disagree.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_shapes(folder, train=4, val=2, image_size=(48, 64))
        ...     index = scan_folder(path, split="train")
        >>> len(index), index.common_size, index.class_names[:2]
        (4, (48, 64), ('background', 'circle'))
    """
    channels = _validation.integer("channels", channels)
    workers = thread_count(workers)
    _validation.boolean("check_images", check_images)
    if encoding is not None:
        _refuse_beside_encoding(
            num_classes=num_classes, ignore_class=ignore_class, class_names=class_names, label_map=label_map
        )
    pairing = pair_files(path, split=split, allow_orphans=allow_orphans)
    pairs = pairing.pairs
    labels = read_label_file(path, split)
    colors = labels.colors if colors is None else colors
    if class_names is None and encoding is None:
        class_names = _names_of_file(labels, num_classes)

    def look(pair: Pair) -> tuple[ImageFacts, dict[int, int]]:
        facts = image_facts(pair.image, channels=channels, decode=check_images)
        return facts, _value_counts(pair, facts.size, colors)

    seen = checked_map(look, pairs, workers=workers)
    images, counts = [facts for facts, _ in seen], [values for _, values in seen]
    notices = list(pairing.notices)
    peak = max(facts.peak for facts in images)
    if peak <= 1:
        notices.append(f"Images hold values up to {peak:g}: models take 0..255 unless include_preprocessing=False.")
    if encoding is None:
        total = collections.Counter()
        for values in counts:
            total.update(values)
        try:
            encoding = LabelEncoding._from_counts(
                total,
                num_classes=num_classes,
                ignore_class=labels.ignore_class if ignore_class is None else ignore_class,
                class_names=class_names,
                label_map=labels.label_map if label_map is None else label_map,
            )
        except InputError as error:
            raise InputError(f"{folder_name(path)}: {error}") from error
        notices += encoding.notices
    pixel_counts = np.zeros((len(pairs), encoding.num_classes), np.int64)
    ignored_counts = np.zeros(len(pairs), np.int64)
    for row, (pair, values) in enumerate(zip(pairs, counts, strict=True)):
        encoding._check(values, pair.mask)
        for id_, count in encoding._encode_counts(values).items():
            if id_ in encoding.ignore_class:
                ignored_counts[row] += count
            else:
                pixel_counts[row, id_] = count
    index = FolderIndex(
        path=folder_name(path),
        pairs=tuple(pairs),
        sizes=tuple(facts.size for facts in images),
        encoding=encoding,
        pixel_counts=pixel_counts,
        ignored_counts=ignored_counts,
        channels=channels,
        image_dtype="float32" if any(facts.dtype == "float32" for facts in images) else "uint8",
        colors=colors,
    )
    missing = [index.class_names[id_] for id_ in np.flatnonzero(index.class_pixels == 0)]
    if missing:
        notices.append(f"No mask holds class {', '.join(missing[:6])}{', ...' if len(missing) > 6 else ''}.")
    return dataclasses.replace(index, notices=tuple(notices))


def _refuse_beside_encoding(**given: object) -> None:
    for name, value in given.items():
        if value is not None:
            _validation.fail(name, "cannot be combined with `encoding`, which defines it", value, f"Remove `{name}`.")


def _names_of_file(labels: LabelFile, num_classes: int | None) -> tuple[str, ...] | None:
    names = labels.names
    if names is not None and num_classes is not None and len(names) != num_classes:
        raise InputError(
            f"{labels.path}: lists {len(names)} classes, but num_classes={num_classes}. Change one of the two."
        )
    return names


def _value_counts(pair: Pair, size: tuple[int, int], colors: _Colors) -> dict[int, int]:
    """How often each value occurs in the mask, which must have the size of the image."""
    mask = read_mask(pair.mask, colors=colors)
    if mask.shape != size:
        turned = " (turn the mask as the photo's EXIF orientation says)" if mask.shape == size[::-1] else ""
        raise InputError(
            f"{pair.mask}: the mask is {mask.shape[0]}x{mask.shape[1]} (height x width), but its image "
            f"{pair.image.name} is {size[0]}x{size[1]}. Resize the mask to its image with nearest neighbor{turned}."
        )
    if mask.dtype == np.uint8:
        counts = np.bincount(mask.ravel(), minlength=_BITS_8)  # Twenty times as fast as np.unique.
        values = np.flatnonzero(counts)
        counts = counts[values]
    else:
        values, counts = np.unique(mask, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def folder_name(path: PathLike | ListedPairs) -> str:
    """A data folder, or a pair of text files, as text."""
    return " + ".join(str(part) for part in path) if isinstance(path, (tuple, list)) else str(path)
