"""Everything there is to know about a folder of images and their objects before training on it, found in one pass."""

import concurrent.futures
import dataclasses
import os

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index.data_index import Examples
from keras_seg.data.index.folder_index import folder_name, side_file
from keras_seg.data.index.instance_pairs import find_instance_pairs
from keras_seg.data.index.instance_reading import VOID, read_instances
from keras_seg.data.index.reading import image_size, read_image

# Objects are in one piece, but for those that others hide parts of. Class masks are in many.
_PIECES_SHARE = 0.5


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class InstanceIndex(Examples):
    """The images of a data folder and the maps that number their objects. `scan_instances` makes it.

    Args:
        path: the folder, as text.
        pairs: tuple of `Pair`: the image, and the file or folder of its objects.
        sizes: tuple of (height, width) in pixels, after the EXIF orientation.
        object_counts: int64 array (examples,): objects of each image.
        components: bool, whether files are black and white and each patch of white an object.
        components_given: bool, whether that was said and not found out.
        file_ignore_class: tuple of the numbers that mark pixels without a label in the files.
        channels: channels of the images.
        image_dtype: "uint8", or "float32" if any file has 16 bits.
        notices: one-line texts that say what was found out and not asked for.
    """

    path: str
    pairs: tuple
    sizes: tuple
    object_counts: np.ndarray
    components: bool = False
    components_given: bool = False
    file_ignore_class: tuple = ()
    channels: int = 3
    image_dtype: str = "uint8"
    notices: tuple = ()

    # What leaves the frame in augmentation is void too, so there always is a label for it.
    ignore_class = (VOID,)
    label_dtype = np.dtype("int32")

    @property
    def reading(self):
        """Text that differs where the same files are read in another way."""
        return str((self.channels, self.image_dtype, self.components, self.file_ignore_class))

    def read_labels(self, position):
        """The map of objects of an example, int32 (height, width): 0 for none, -1 for pixels that do not count."""
        pair = self.pairs[position]
        return read_instances(
            pair.mask, components=self.components and pair.mask.is_file(), ignore_class=self.file_ignore_class
        )


def scan_instances(
    path,
    *,
    split=None,
    components=None,
    ignore_class=None,
    channels=3,
    allow_orphans=False,
    check_images=True,
    workers=None,
):
    """Pair, read and check a folder of images and objects once.

    Args:
        path: the folder; see `find_instance_pairs` for the layouts and `read_instances` for the files.
        split: "train", "val", ... for folders that are divided.
        components: True where masks are black and white and each patch of white is an object, False where they hold
            the numbers of the objects, None to find out: masks of two values whose white is in pieces are black and
            white. Defaults to None.
        ignore_class: None, int or sequence of int, numbers in the files that mark pixels without a label.
        channels: channels to read the images with: 3, 1 or 4, or what `.npy` images have.
        allow_orphans: leave out images without objects' files and the other way round.
        check_images: decode every image, as in `scan_folder`.
        workers: threads; the number of cores by default.

    Returns:
        An `InstanceIndex`.

    Raises:
        InputError: whatever is wrong with the folder, in one line that names the file and the fix: as `scan_folder`,
            and for maps of fractions or numbers below 0, folders without masks, masks of classes in place of objects.
        ImportError: SciPy is missing: `pip install "keras-seg[instances]"`.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_cells
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_cells(folder, train=2, val=1, size=64)
        ...     index = scan_instances(folder, split="train")
        >>> len(index), index.common_size, index.object_counts.min() > 1
        (2, (64, 64), np.True_)
    """
    channels = _validation.integer("channels", channels)
    if components is not None:
        _validation.boolean("components", components)
    ignored = _validation.ignored_classes(ignore_class)
    workers = _validation.integer("workers", workers or os.cpu_count() or 1)
    ndimage = _validation.optional_import("scipy.ndimage", "instances", "`scan_instances`")
    pairs = find_instance_pairs(path, split=split, allow_orphans=allow_orphans)
    if components is None:
        _refuse_named_classes(path, split)

    def look(pair):
        return _look(ndimage, pair, channels, ignored=ignored, check_image=check_images, components=components)

    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        try:
            seen = list(pool.map(look, pairs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    name, notices, given = folder_name(path), [], components is not None
    if not given:
        components = _are_black_and_white(seen)
        if components:
            notices.append("Masks are black and white: every patch of white is read as an object (components).")
        else:
            _refuse_classes(name, seen)
    counts = np.array([look.pieces if components and look.is_file else len(look.ids) for look in seen], "int64")
    if not counts.any():
        raise InputError(f"{name}: no image holds an object. Number the objects from 1 in the maps; 0 stands for none.")
    if (counts == 0).any():
        empty = int((counts == 0).sum())
        notices.append(f"{empty} {'image holds' if empty == 1 else 'images hold'} no object.")
    return InstanceIndex(
        path=name,
        pairs=tuple(pairs),
        sizes=tuple(look.size for look in seen),
        object_counts=counts,
        components=components,
        components_given=given,
        file_ignore_class=ignored,
        channels=channels,
        image_dtype="float32" if any(look.dtype == "float32" for look in seen) else "uint8",
        notices=tuple(notices),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Look:
    """What was seen of one example: `ids` are the numbers in its map, `pieces` the connected parts of all of them."""

    size: tuple
    dtype: str
    ids: tuple
    pieces: int
    scattered: int
    is_file: bool


def _look(ndimage, pair, channels, *, ignored, check_image, components):
    dtype = "uint8"
    if check_image:
        image = read_image(pair.image, channels=channels)
        size, dtype = image.shape[:2], image.dtype.name
    else:
        size, dtype = image_size(pair.image), "float32"  # Floats hold either depth.
    is_file = pair.mask.is_file()
    ids = read_instances(pair.mask, components=bool(components) and is_file, ignore_class=ignored)
    if ids.shape != tuple(size):
        raise InputError(
            f"{pair.mask}: the map is {ids.shape[0]}x{ids.shape[1]} (height x width), but its image {pair.image.name} "
            f"is {size[0]}x{size[1]}. Resize the map to its image with nearest neighbor."
        )
    numbers = np.unique(ids[ids > 0])
    compact = np.searchsorted(numbers, ids) + 1
    compact[ids <= 0] = 0
    # Corners connect here: a thin object drawn obliquely is in one piece.
    parts = [
        ndimage.label(compact[box] == number, np.ones((3, 3)))[1]
        for number, box in enumerate(ndimage.find_objects(compact), 1)
    ]
    pieces = ndimage.label(ids > 0)[1] if components is None and len(numbers) == 1 else len(numbers)
    return _Look(
        size=tuple(int(side) for side in size),
        dtype=dtype,
        ids=tuple(numbers.tolist()),
        pieces=pieces,
        scattered=sum(count > 1 for count in parts),
        is_file=is_file,
    )


def _are_black_and_white(seen):
    """Whether every map holds one and the same number besides 0, in several pieces somewhere."""
    values = {number for look in seen for number in look.ids}
    return all(look.is_file for look in seen) and len(values) == 1 and any(look.pieces > 1 for look in seen)


def _refuse_classes(name, seen):
    objects = sum(len(look.ids) for look in seen)
    scattered = sum(look.scattered for look in seen if look.is_file)
    if scattered > _PIECES_SHARE * objects:
        raise InputError(
            f"{name}: {scattered} of {objects} objects are in several pieces, as the classes of a semantic mask are. "
            "Number the objects of each image, or pass components=True for masks of one class, or components=False if "
            "objects are in pieces."
        )


def _refuse_named_classes(path, split):
    side = side_file(path, split)
    if side.names is not None:
        raise InputError(
            f"{side.path}: names classes, so these are masks of classes and not of objects. "
            "Pass components=True (or False) if they are of objects after all."
        )
