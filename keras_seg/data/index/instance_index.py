"""Index of a folder of images and instance masks: files, object counts and how to read them, collected in one pass."""

import dataclasses
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.black_and_white import WHITE
from keras_seg.data.index.data_index import DataIndex, image_fields
from keras_seg.data.index.exif_choice import check_fits, checked_choice
from keras_seg.data.index.folder_index import folder_name
from keras_seg.data.index.image_facts import ImageFacts, image_facts, image_notices
from keras_seg.data.index.instance_pairs import OBJECT_FOLDERS, is_object_folder, pair_instance_files
from keras_seg.data.index.instance_reading import read_instances
from keras_seg.data.index.kept_maps import KeptMaps, PackedMap
from keras_seg.data.index.label_file import read_label_file
from keras_seg.data.index.label_tools import colors_converted
from keras_seg.data.index.object_facts import (
    ObjectFacts,
    empty_notice,
    inversion_notice,
    object_facts,
    overlap_notice,
)
from keras_seg.data.index.object_files import VOID
from keras_seg.data.index.pairs import ListedPairs, Pair, scanned_pairs
from keras_seg.data.index.thread_map import checked_map, thread_count

# Objects are in one piece, except for partly hidden ones. Classes are in many pieces.
_PIECES_SHARE = 0.5


class ImageObjects(NamedTuple):
    """An image, its objects, and what the files say."""

    pair: Pair
    image: ImageFacts
    objects: ObjectFacts


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class InstanceIndex(DataIndex):
    """The images of a data folder and the maps that number their objects. `scan_instances` creates it.

    Other arguments: see `FolderIndex`.

    Args:
        pairs: tuple of `Pair`: the image, and the file or folder of its objects, one per example.
        object_counts: int64 array (examples,). Number of objects in each image.
        components: bool. Whether files are black and white and each connected patch of white is an object. Defaults to
            False.
        components_given: bool. Whether `components` was an argument rather than detected. Defaults to False.
        file_ignore_class: tuple of int. Numbers of pixels without a label in the files. Defaults to ().
    """

    object_counts: np.ndarray
    components: bool = False
    components_given: bool = False
    file_ignore_class: tuple[int, ...] = ()
    _kept: KeptMaps | None = dataclasses.field(default=None, repr=False)

    _SCAN: ClassVar[str] = "scan_instances"

    @property
    def ignore_class(self) -> tuple[int, ...]:
        """The label of ignored pixels, (-1,). Augmentation also uses it, for pixels from outside the image."""
        return (VOID,)

    @property
    def _label_dtype(self) -> np.dtype:
        return np.dtype("int32")

    @property
    def _cache_key(self) -> str:
        return str((self.channels, self.image_dtype, self.components, self.file_ignore_class, self.exif_orientation))

    def _is_taken(self, label: int) -> bool:
        """Positive numbers are objects."""
        return label > 0

    def read_labels(self, position: int) -> np.ndarray:
        """The objects of an example, int32 (height, width): 0 for the background, -1 for ignored pixels.

        Args:
            position: int. Position of the example, counted from 0.

        Raises:
            InputError: The mask can no longer be read.
        """
        mask = self.pairs[position].mask
        return read_instances(
            mask,
            components=self.components and not is_object_folder(mask),
            ignore_class=self.file_ignore_class,
            exif_orientation=self.exif_orientation,
        )

    def _scanned_labels(self, position: int) -> np.ndarray:
        kept = None if self._kept is None else self._kept.get(self.pairs[position].mask)
        return self.read_labels(position) if kept is None else kept


def scan_instances(
    path: PathLike | ListedPairs,
    *,
    split: str | None = None,
    components: bool | None = None,
    ignore_class: IgnoreClass = None,
    channels: int = 3,
    workers: int | None = None,
    allow_orphans: bool = False,
    check_images: bool = True,
    exif_orientation: str | None = None,
) -> InstanceIndex:
    """Pair, read and check the files of a folder of images and instance masks once.

    Args:
        path: path, or pair of paths. The folder; see `find_instance_pairs` for the layouts and `read_instances` for the
            files.
        split: str. "train", "val", ..., for folders that are divided. Defaults to None.
        components: bool. True if masks are black and white and each connected patch of white is an object, False if
            they hold the numbers of the objects. Defaults to None, which detects it: masks of two values whose white is
            in several pieces are black and white.
        ignore_class: int or sequence of int. Numbers of pixels without a label in the files. Defaults to None.
        channels: int. See `scan_folder`. Defaults to 3.
        workers: int. Threads. Defaults to None, for the number of cores.
        allow_orphans: bool. Skip images without masks and masks without images. Defaults to False, which refuses them.
        check_images: bool. Decode every image, as in `scan_folder`. Defaults to True.
        exif_orientation: str. "apply" or "ignore", as in `scan_folder`. Defaults to None, which detects it.

    Returns:
        An `InstanceIndex`.

    Raises:
        InputError: The folder cannot be used. One line names the file and the fix: as for `scan_folder`, and also for
            fractions or negative numbers, no objects at all, or masks of classes instead of objects.
        ImportError: SciPy is missing: `pip install "keras-seg[boundary]"`.

    Examples:
        >>> import tempfile
        >>> from keras_seg.data import write_cells
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_cells(folder, train=2, val=1, image_size=64)
        ...     index = scan_instances(path, split="train")
        >>> len(index), index.common_size, index.object_counts.min() > 1
        (2, (64, 64), np.True_)
    """
    channels = _validation.integer("channels", channels)
    if components is not None:
        _validation.boolean("components", components)
    ignored = _validation.ignored_classes(ignore_class)
    workers = thread_count(workers)
    _validation.boolean("check_images", check_images)
    _validation.optional_import("scipy.ndimage", "boundary", "`scan_instances`")
    pairing = scanned_pairs(
        pair_instance_files,
        path,
        split=split,
        allow_orphans=allow_orphans,
        task="instances",
        settings=(components, ignore_class),
    )
    pairs = pairing.pairs
    if components is None:
        _refuse_named_classes(path, split, pairs)
    elif components and all(is_object_folder(pair.mask) for pair in pairs):
        fix = "Remove it: each folder of masks already has one file per object."
        _validation.fail("components", "applies to files, and no mask of the folder is a file", components, fix)

    kept = KeptMaps()

    def look(pair: Pair) -> tuple[ImageObjects, PackedMap | None]:
        image = image_facts(pair.image, channels=channels, decode=check_images)
        objects, ids = object_facts(pair.mask, components=components, ignored=ignored)
        # How a file is read, and which way a map is turned, is decided later.
        packed = kept.packed(ids) if not objects.is_file and objects.file.orientation == 1 else None
        check_fits(pair, image.file, objects.file, word="map")
        return ImageObjects(pair, image, objects), packed

    with colors_converted(path, task="instances"):
        found = checked_map(look, pairs, workers=workers)
    for facts, packed in found:
        if packed is not None:
            kept.keep(facts.pair.mask, packed)
    seen = [facts for facts, _ in found]
    examples = [(facts.pair, facts.image.file, facts.objects.file) for facts in seen]
    wanted = read_label_file(path, split).exif_orientation if exif_orientation is None else exif_orientation
    turning, turned = checked_choice(examples, wanted, word="map")
    lines = [*pairing.notices, *turned]
    index = index_of_objects(
        path, seen, components=components, ignored=ignored, channels=channels, exif_orientation=turning, notices=lines
    )
    return dataclasses.replace(index, _kept=kept)


def index_of_objects(
    path: PathLike | ListedPairs,
    seen: Sequence[ImageObjects],
    *,
    components: bool | None,
    ignored: tuple[int, ...],
    channels: int,
    exif_orientation: str,
    notices: Sequence[str] = (),
) -> InstanceIndex:
    """The index of files that were looked at already: see `index_of_pairs` and `scan_instances`.

    Raises:
        InputError: No image holds an object, or the masks hold classes.
    """
    looks = [facts.objects for facts in seen]
    lines = [*notices, *image_notices([facts.image for facts in seen])]
    found = [(facts.pair.mask, facts.objects) for facts in seen]
    lines += filter(None, (overlap_notice(found), empty_notice(found), inversion_notice(found)))
    name, given = folder_name(path), components is not None
    if components is None:
        components = _are_black_and_white(looks)
        if components:
            lines.append("Masks are black and white: every patch of white is read as an object (components).")
        else:
            _refuse_classes(name, looks)
    counts = np.array([look.pieces if components and look.is_file else len(look.ids) for look in looks], "int64")
    if not counts.any():
        raise InputError(f"{name}: no image holds an object. Number the objects from 1 in the maps; 0 is background.")
    if (counts == 0).any():
        empty = int((counts == 0).sum())
        lines.append(f"{empty} {'image holds' if empty == 1 else 'images hold'} no object.")
    return InstanceIndex(
        path=name,
        object_counts=counts,
        components=components,
        components_given=given,
        file_ignore_class=ignored,
        notices=tuple(lines),
        **image_fields(seen, channels=channels, exif_orientation=exif_orientation),
    )


def _are_black_and_white(seen: Sequence[ObjectFacts]) -> bool:
    """Whether all maps hold one number besides 0, the same or 1 and 255, and at least one holds it in pieces."""
    values = {number for look in seen for number in look.ids}
    single = len(values) == 1 or (values == {1, WHITE} and all(len(look.ids) <= 1 for look in seen))
    return single and all(look.is_file for look in seen) and any(look.pieces > 1 for look in seen)


def _refuse_classes(name: str, seen: Sequence[ObjectFacts]) -> None:
    objects = sum(len(look.ids) for look in seen)
    scattered = sum(look.scattered for look in seen if look.is_file)
    if scattered > _PIECES_SHARE * objects:
        raise InputError(
            f"{name}: {scattered} of {objects} objects are in several pieces, as the classes of a semantic mask are. "
            "Number the objects of each image, or pass components=True for masks of one class, or components=False if "
            "objects are in pieces."
        )


def _refuse_named_classes(path: PathLike | ListedPairs, split: str | None, pairs: Sequence[Pair]) -> None:
    if all(pair.mask.parent.name.lower() in OBJECT_FOLDERS for pair in pairs):
        return  # Beside masks/, which the names are about.
    labels = read_label_file(path, split)
    if labels.names is not None:
        raise InputError(
            f"{labels.path}: names classes, so the masks hold classes and not objects. "
            "Pass components=True (or False) if they do hold objects."
        )
