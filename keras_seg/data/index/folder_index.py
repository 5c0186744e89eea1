"""Everything there is to know about a data folder before training on it, found in one pass."""

import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import Examples
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.pairs import SPLITS, Pair, find_pairs, split_folder
from keras_seg.data.index.reading import image_size, read_image, read_mask

_BITS_8 = 256


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FolderIndex(Examples):
    """The pairs of a data folder and what was found in them. `scan_folder` makes it.

    Args:
        path: the folder, as text.
        pairs: tuple of `Pair` (paths of image and mask).
        sizes: tuple of (height, width) in pixels, after the EXIF orientation.
        encoding: the `LabelEncoding` of the masks.
        pixel_counts: int64 array (examples, num_classes): pixels of each class in each mask.
        ignored_counts: int64 array (examples,): pixels without a class.
        channels: channels of the images.
        image_dtype: "uint8", or "float32" if any file has 16 bits or floats.
        colors: dict from color to id for masks painted in colors, or None.
        notices: one-line texts that say what was found out and not asked for.
    """

    path: str
    pairs: tuple
    sizes: tuple
    encoding: LabelEncoding
    pixel_counts: np.ndarray
    ignored_counts: np.ndarray
    channels: int = 3
    image_dtype: str = "uint8"
    colors: dict = None
    notices: tuple = ()

    @property
    def num_classes(self):
        """Number of classes."""
        return self.encoding.num_classes

    @property
    def ignore_class(self):
        """Tuple of the labels that mark pixels without a class."""
        return self.encoding.ignore_class

    @property
    def class_names(self):
        """Tuple of names, one a class."""
        return self.encoding.class_names

    @property
    def class_pixels(self):
        """int64 array (num_classes,): pixels of each class in all masks."""
        return self.pixel_counts.sum(0)

    @property
    def presence(self):
        """bool array (examples, num_classes): which classes a mask holds."""
        return self.pixel_counts > 0

    @property
    def label_dtype(self):
        """The dtype of what `read_labels` gives."""
        return self.encoding.dtype

    @property
    def reading(self):
        """Text that differs where the same files are read in another way."""
        encoding = self.encoding
        return str((self.channels, self.image_dtype, self.colors)) + str(
            (encoding.threshold, encoding.label_map, encoding.dtype)
        )

    def read_labels(self, position):
        """The class ids of an example, (height, width)."""
        return self.encoding.encode(read_mask(self.pairs[position].mask, colors=self.colors))


def scan_folder(
    path,
    *,
    split=None,
    num_classes=None,
    ignore_class=None,
    class_names=None,
    label_map=None,
    colors=None,
    encoding=None,
    channels=3,
    allow_orphans=False,
    check_images=True,
    workers=None,
):
    """Pair, read and check a data folder once: every mask, and every image too.

    Names may lie in the folder, or beside it where it is called train, val or the like: `labels.json`, {"names": [...],
    "ignore_class": 11}, or `classes.txt` with one name a line. `labels.json` may also say how masks are to be read:
    "colors", [[red, green, blue], ...], the color of id 0, of id 1 and so on, and "label_map", {"1": 0, "2": 1}.
    Arguments go before the file.

    Args:
        path: the folder, or a pair of text files; see `find_pairs` for the layouts.
        split: "train", "val", ... for folders that are divided.
        num_classes: number of classes, or None to find it in the masks.
        ignore_class: label or labels of pixels without a class.
        class_names: one name a class.
        label_map: dict from a value in the masks to its id, e.g. {1: 0, 2: 1, 3: 2}.
        colors: dict from color (red, green, blue) to id, for masks painted in colors.
        encoding: a `LabelEncoding` to hold to instead of finding one, as that of the train split for the val split. It
            takes the place of the five arguments before it but `colors`.
        channels: channels to read the images with: 3, 1 or 4, or what `.npy` images have.
        allow_orphans: leave out images without masks and masks without images.
        check_images: decode every image (5 ms a megapixel and core), so that a broken one is found now and not in
            mid-training. False reads the headers only.
        workers: threads; the number of cores by default.

    Returns:
        A `FolderIndex`.

    Raises:
        InputError: whatever is wrong with the folder, in one line that names the file and the fix: no folder, no pairs,
            orphans, a file that cannot be read, a mask of another size, a label outside the range, names that disagree.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shapes(folder, train=4, val=2, size=(48, 64))
        ...     index = scan_folder(folder, split="train")
        >>> len(index), index.common_size, index.class_names[:2]
        (4, (48, 64), ('background', 'circle'))
    """
    channels = _validation.integer("channels", channels)
    workers = _validation.integer("workers", workers or os.cpu_count() or 1)
    pairs = find_pairs(path, split=split, allow_orphans=allow_orphans)
    side = side_file(path, split)
    colors = side.colors if colors is None else colors
    if encoding is None:
        label_map = side.label_map if label_map is None else label_map
        if class_names is None and side.names is not None:
            class_names = side.names
            if num_classes is not None and len(class_names) != num_classes:
                raise InputError(
                    f"{side.path}: lists {len(class_names)} classes, but num_classes={num_classes}. "
                    "Change one of the two."
                )
        ignore_class = side.ignore_class if ignore_class is None else ignore_class

    def look(pair):
        return _look(pair, channels, colors, check_images)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            seen = list(pool.map(look, pairs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    sizes, dtypes, peaks, counts = zip(*seen, strict=True)
    notices = []
    if max(peaks) <= 1:
        notices.append(
            f"Images hold values up to {max(peaks):g}: models take 0..255 unless include_preprocessing=False."
        )
    if encoding is None:
        total = collections.Counter()
        for values in counts:
            total.update(values)
        try:
            encoding = LabelEncoding.from_counts(total, num_classes, ignore_class, class_names, label_map)
        except InputError as error:
            raise InputError(f"{folder_name(path)}: {error}") from error
        notices += encoding.notices
    pixel_counts = np.zeros((len(pairs), encoding.num_classes), np.int64)
    ignored_counts = np.zeros(len(pairs), np.int64)
    for row, (pair, values) in enumerate(zip(pairs, counts, strict=True)):
        encoding.check(values, pair.mask)
        for id_, count in encoding.encode_counts(values).items():
            if id_ in encoding.ignore_class:
                ignored_counts[row] += count
            else:
                pixel_counts[row, id_] = count
    missing = [encoding.class_names[id_] for id_ in np.flatnonzero(pixel_counts.sum(0) == 0)]
    if missing:
        notices.append(f"No mask holds class {', '.join(missing[:6])}{', ...' if len(missing) > 6 else ''}.")
    return FolderIndex(
        path=folder_name(path),
        pairs=tuple(pairs),
        sizes=sizes,
        encoding=encoding,
        pixel_counts=pixel_counts,
        ignored_counts=ignored_counts,
        channels=channels,
        image_dtype="float32" if "float32" in dtypes else "uint8",
        colors=colors,
        notices=tuple(notices),
    )


def split_index(index, *, validation_fraction=0.2, seed=0):
    """Divide an index into one to train and one to validate with, for folders without a val split.

    Args:
        index: a `FolderIndex` of at least two examples.
        validation_fraction: share of the examples to validate with, in (0, 1); at least one and not all.
        seed: the same seed gives the same division.

    Returns:
        (train index, validation index), each in the order of the folder.

    Raises:
        InputError: fewer than two examples, or a share outside (0, 1).

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_shapes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_shapes(folder, train=10, val=1, size=(48, 64))
        ...     train, val = split_index(scan_folder(folder, split="train"), validation_fraction=0.2)
        >>> len(train), len(val)
        (8, 2)
    """
    fraction = _validation.number("validation_fraction", validation_fraction, 0.0, 1.0)
    if not 0.0 < fraction < 1.0:
        _validation.fail("validation_fraction", "must lie between 0 and 1", validation_fraction)
    if len(index) < 2:
        raise InputError(f"{index.path}: holds one example, which cannot be divided. Add a val folder or more images.")
    order = np.random.default_rng(_validation.integer("seed", seed, 0)).permutation(len(index))
    size = min(max(round(fraction * len(index)), 1), len(index) - 1)
    return index.subset(sorted(order[size:])), index.subset(sorted(order[:size]))


def _look(pair: Pair, channels, colors, check_image):
    """(height, width), dtype and peak of the image, and how often each value occurs in the mask."""
    dtype, peak = "uint8", 255
    if check_image:
        image = read_image(pair.image, channels=channels)
        size, dtype = image.shape[:2], image.dtype.name
        peak = float(image.max()) if dtype == "float32" else peak
    else:
        size, dtype = image_size(pair.image), "float32"  # Floats hold either depth.
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
    return tuple(int(side) for side in size), dtype, peak, dict(zip(values.tolist(), counts.tolist(), strict=True))


def folder_name(path):
    """A data folder, or a pair of text files, as text."""
    return " + ".join(str(part) for part in path) if isinstance(path, (tuple, list)) else str(path)


class _Side:
    path = None
    names = None
    ignore_class = None
    colors = None
    label_map = None


def side_file(path, split):
    """What labels.json or classes.txt in the folder say."""
    side = _Side()
    root = pathlib.Path(path[0]).parent if isinstance(path, (tuple, list)) else pathlib.Path(path)
    folders = [root] if split is None else [split_folder(root, split), root]
    if split is None and root.name.lower() in {name for names in SPLITS.values() for name in names}:
        folders.append(root.parent)  # DATA/train is the train split of DATA.
    side.path = next(
        (f / name for f in folders for name in ("labels.json", "classes.txt") if (f / name).is_file()), None
    )
    if side.path is None:
        return side
    text = side.path.read_text(encoding="utf-8-sig")
    if side.path.suffix == ".txt":
        side.names = tuple(line.strip() for line in text.splitlines() if line.strip())
    else:
        try:
            content = json.loads(text)
            side.names = content.get("names")
            side.names = side.names if side.names is None else tuple(str(name) for name in side.names)
            side.ignore_class = content.get("ignore_class")
            if (colors := content.get("colors")) is not None:
                side.colors = {(int(r), int(g), int(b)): id_ for id_, (r, g, b) in enumerate(colors)}
                if len(side.colors) != len(colors):
                    raise ValueError("a color occurs twice")
            if (label_map := content.get("label_map")) is not None:
                side.label_map = {int(value): int(id_) for value, id_ in label_map.items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise InputError(
                f'{side.path}: is not of the form {{"names": ["background", ...], "ignore_class": 255}}, with '
                f'"colors": [[0, 0, 0], ...] or "label_map": {{"1": 0, ...}} where masks need them ({error}).'
            ) from error
    if side.names is not None and len(set(side.names)) != len(side.names):
        raise InputError(f"{side.path}: a class name occurs twice. Give every class its own name.")
    if side.names is not None and len(side.names) < 2:
        raise InputError(
            f"{side.path}: lists {len(side.names)} class names. List at least two, one for each id from 0."
        )
    return side
