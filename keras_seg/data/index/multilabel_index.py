"""Index of a folder of images with one mask per class, whose classes may overlap."""

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg._text import counted
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.background import is_background
from keras_seg.data.index.class_file_facts import ClassFileFacts, ClassFiles
from keras_seg.data.index.data_index import DataIndex, image_fields
from keras_seg.data.index.exif_choice import common_size, exif_choice
from keras_seg.data.index.file_listing import existing_folder, some_of
from keras_seg.data.index.image_facts import ImageFacts, image_facts, image_notices
from keras_seg.data.index.label_file import LabelFile, read_label_file
from keras_seg.data.index.layouts import splits_of
from keras_seg.data.index.object_facts import inversion_line
from keras_seg.data.index.object_files import read_object
from keras_seg.data.index.pairs import Pair
from keras_seg.data.index.several_masks import OBJECT, Example, Examples, several_masks
from keras_seg.data.index.thread_map import checked_map, thread_count

# The classes of a pixel are the bits of an int32 that is not negative.
MOST_CLASSES = 31
_LAYOUT = "one mask per class in black and white, masks/CLASS/a.png for images/a.jpg"

# (id of the class, its file) of an example; a class may have several files, or none.
_IdFiles = tuple[tuple[int, pathlib.Path], ...]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class MultiLabelIndex(DataIndex):
    """The images of a data folder and their masks, one per class. `scan_multilabel` creates it.

    Other arguments: see `FolderIndex`.

    Args:
        pairs: tuple of `Pair`: the image and the first of its masks, one per example.
        class_names: tuple of str. One name per class.
        class_files: tuple of ((id of the class, file), ...), one per example. A class without a file is absent.
        pixel_counts: int64 array (examples, classes). Pixels of each class in each image.
    """

    class_names: tuple[str, ...]
    class_files: tuple[_IdFiles, ...]
    pixel_counts: np.ndarray

    _SCAN: ClassVar[str] = "scan_multilabel"

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def ignore_class(self) -> tuple[int, ...]:
        """(): a pixel of no class is background."""
        return ()

    @property
    def presence(self) -> np.ndarray:
        """bool array (examples, classes): which classes occur in each image."""
        return self.pixel_counts > 0

    @property
    def _label_dtype(self) -> np.dtype:
        return np.dtype("int32")

    @property
    def _cache_key(self) -> str:
        return str((self.channels, self.image_dtype, self.class_names, self.exif_orientation))

    def _file_key(self, position: int) -> str:
        stamps = [(id_, str(file.resolve()), file.stat().st_mtime_ns) for id_, file in self.class_files[position]]
        return self._cache_key + str(stamps)

    def _is_taken(self, label: int) -> bool:
        """Every bit is a class: 255 means the first eight."""
        return label != 0

    def read_labels(self, position: int) -> np.ndarray:
        """The classes of an example, int32 (height, width): bit k of a pixel is set if it belongs to class k.

        Args:
            position: int. Position of the example, counted from 0.

        Raises:
            InputError: A mask can no longer be read.
        """
        bits = np.zeros(self.sizes[position], "int32")
        for id_, file in self.class_files[position]:
            white = read_object(file, exif_orientation=self.exif_orientation)
            if white.shape != bits.shape:
                raise InputError(f"{file}: its size changed since the folder was scanned. Scan the folder again.")
            bits |= white.astype("int32") << id_
        return bits


class ImageClasses(NamedTuple):
    """An image, its masks, and what the files say."""

    pair: Pair
    image: ImageFacts
    classes: ClassFileFacts


def scan_multilabel(
    path: PathLike,
    *,
    split: str | None = None,
    class_names: Sequence[str] | None = None,
    channels: int = 3,
    workers: int | None = None,
    check_images: bool = True,
    exif_orientation: str | None = None,
) -> MultiLabelIndex:
    """Read and check a folder of images with one mask per class once. Classes may overlap, and a pixel may have none.

    Two layouts are recognized, each also in `path/train`, `path/val` and so on, with `split="train"`:

    - `path/images/a.jpg` and `path/masks/CLASS/a.png`, one folder per class.
    - `path/images/a.jpg` with `path/masks/a_car.png` and `path/masks/a_road.png`: the class in the name.

    Masks are black and white. An image without a file for some class holds none of it; several files of one class are
    joined. The classes are in the order of the label file of the folder if it has one, otherwise in that of the
    alphabet.

    Args:
        path: path. The folder.
        split: str. "train", "val", ..., for folders that are divided. Defaults to None.
        class_names: sequence of str. The classes in their order; masks of others are refused. Defaults to None, for all
            that are found in this split and in the train split, so that the bits of both mean the same.
        channels: int. See `scan_folder`. Defaults to 3.
        workers: int. Threads. Defaults to None, for the number of cores.
        check_images: bool. Decode every image, as in `scan_folder`. Defaults to True.
        exif_orientation: str. "apply" or "ignore", as in `scan_folder`. Defaults to None, which detects it.

    Returns:
        A `MultiLabelIndex`.

    Raises:
        InputError: The folder cannot be used. One line names the file and the fix: masks of another layout, files
            without a partner, a file that cannot be read, a mask of another size or of more than two values, fewer than
            two classes or more than 31.

    Examples:
        >>> import tempfile
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("images/a.png", "masks/car/a.png", "masks/wheel/a.png"):
        ...         file = pathlib.Path(folder, name)
        ...         file.parent.mkdir(parents=True, exist_ok=True)
        ...         Image.new("L", (6, 4), 255).save(file)
        ...     index = scan_multilabel(folder, channels=1)
        ...     index.read_labels(0)[0, 0]
        np.int32(3)
        >>> index.class_names
        ('car', 'wheel')
    """
    channels = _validation.integer("channels", channels)
    workers = thread_count(workers)
    _validation.boolean("check_images", check_images)
    root = existing_folder(path)
    if split is None and (splits := splits_of(root)):
        raise InputError(f"{root}: the folder is divided into {', '.join(splits)}. Pass split={splits[0]!r}.")
    found = class_examples(root, split)
    labels = read_label_file(root, split)

    def look(example: Example) -> ImageClasses:
        image = image_facts(example.image, channels=channels, decode=check_images)
        pair = Pair(example.image, example.files[0][1])
        classes = ClassFiles(image)
        for name, file in example.files:
            classes.add(name, file)
        return ImageClasses(pair, image, classes.facts())

    seen = sorted(checked_map(look, found.found, workers=workers), key=lambda facts: facts.pair.image.stem)
    files = [
        (Pair(facts.pair.image, file), facts.image.file, of_file)
        for facts in seen
        for (_, file), of_file in zip(facts.classes.files, facts.classes.facts, strict=True)
    ]
    turning, turned = exif_choice(files, labels.exif_orientation if exif_orientation is None else exif_orientation)
    for example in files:
        common_size(*example, turning)
    names = _names(root, seen, labels, class_names, split=split)
    return index_of_classes(
        path, seen, names=names, channels=channels, exif_orientation=turning, notices=[*found.notices, *turned]
    )


def index_of_classes(
    path: PathLike,
    seen: Sequence[ImageClasses],
    *,
    names: Sequence[str] | None = None,
    channels: int,
    exif_orientation: str,
    notices: Sequence[str] = (),
) -> MultiLabelIndex:
    """The index of files that were looked at already: see `scan_multilabel`. Without `names`, of all classes found."""
    names = tuple(_found_names(seen) if names is None else names)
    counts = np.array([[facts.classes.pixels.get(name, 0) for name in names] for facts in seen], "int64")
    lines = [*notices, *image_notices([facts.image for facts in seen])]
    return MultiLabelIndex(
        path=str(path),
        class_names=names,
        class_files=tuple(tuple((names.index(name), file) for name, file in facts.classes.files) for facts in seen),
        pixel_counts=counts,
        notices=(*lines, *_class_notices(seen, names, counts)),
        **image_fields(seen, channels=channels, exif_orientation=exif_orientation),
    )


def class_examples(root: pathlib.Path, split: str | None, *, allow_orphans: bool = False) -> Examples:
    """The images and their masks; files without a partner are refused, unless they are allowed."""
    found = several_masks(root, split)
    # Files whose names tell no class are whole masks, or objects.
    if all(name == OBJECT for example in found.found for name, _ in example.files):
        raise InputError(
            f"{root}: holds no images with {_LAYOUT}. Save the masks of each class in a folder of its own."
        )
    if found.left_out and not allow_orphans:
        raise InputError(
            f"{root}: {counted(len(found.left_out), 'file has', 'files have')} no partner: "
            f"{some_of(file.name for file in found.left_out)}. Give an image without any class one black mask, or move "
            "these files out of the folder."
        )
    return found


def _found_names(seen: Sequence[ImageClasses]) -> list[str]:
    return sorted({name for facts in seen for name, _ in facts.classes.files})


def _names_in_training(root: pathlib.Path, split: str | None) -> set[str]:
    """The classes of the train split, for another one: a class that is absent there keeps its bit."""
    if split in (None, "train"):
        return set()
    try:
        examples = several_masks(root, "train").found
    except InputError:
        return set()
    return {name for example in examples for name, _ in example.files} - {OBJECT}


def _names(
    root: pathlib.Path,
    seen: Sequence[ImageClasses],
    labels: LabelFile,
    given: Sequence[str] | None,
    *,
    split: str | None,
) -> tuple[str, ...]:
    """The classes in their order."""
    found = _found_names(seen)
    if given is not None:
        names, source = tuple(given), "`class_names`"
    elif labels.names is not None:
        # A pixel of no class is background, which needs no mask.
        names = tuple(name for name in labels.names if name in found or not is_background(name))
        source = str(labels.path)
    else:
        names, source = tuple(sorted({*found, *_names_in_training(root, split)})), str(root)
    unknown = [name for name in found if name not in names]
    if unknown:
        raise InputError(
            f"{source}: does not list {unknown[0]!r}, the class of some masks of {root}. Add it, or rename these masks."
        )
    if len(names) == 1:
        raise InputError(f"{root}: holds one class, {names[0]}. Move its masks to masks/ and use `task='semantic'`.")
    if len(names) > MOST_CLASSES or len(set(names)) < len(names):
        raise InputError(f"{source}: lists {len(names)} classes. Give 2 to {MOST_CLASSES}, each once.")
    return names


def _class_notices(seen: Sequence[ImageClasses], names: Sequence[str], counts: np.ndarray) -> list[str]:
    lines = [f"{counted(len(names), 'class', 'classes')}, each with masks of its own: {some_of(names, shown=6)}."]
    lacking = [facts.pair.image for facts in seen if len({name for name, _ in facts.classes.files}) < len(names)]
    if lacking:
        lines.append(
            f"{counted(len(lacking), 'image has', 'images have')} no file for some class, and so none of it, such as "
            f"{lacking[0].name}."
        )
    missing = [name for name, pixels in zip(names, counts.sum(axis=0), strict=True) if not pixels]
    if missing:
        lines.append(f"No mask holds class {some_of(missing, shown=6)}.")
    inverted = inversion_line([name for facts in seen for name in facts.classes.inverted])
    return [*lines, inverted] if inverted else lines
