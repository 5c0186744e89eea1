"""What one pass over a data folder collected, and the reading that follows from it."""

import collections
import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from keras_seg import _validation
from keras_seg._decoding.file_facts import FileFacts
from keras_seg._decoding.orientation import APPLY
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.examine import Examined
from keras_seg.data.diagnosis.parts import Part
from keras_seg.data.index.background import is_background
from keras_seg.data.index.class_file_facts import ClassFileFacts
from keras_seg.data.index.data_index import DataIndex
from keras_seg.data.index.exif_choice import exif_choice
from keras_seg.data.index.folder_index import PairFacts, folder_name, index_of_pairs
from keras_seg.data.index.image_facts import ImageFacts
from keras_seg.data.index.instance_index import ImageObjects, index_of_objects
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.label_file import LabelFile
from keras_seg.data.index.mask_facts import MaskFacts
from keras_seg.data.index.mask_ids import Rgb, lossy_ids
from keras_seg.data.index.mask_reading import stray_labels
from keras_seg.data.index.multilabel_index import ImageClasses, index_of_classes
from keras_seg.data.index.object_facts import ObjectFacts
from keras_seg.data.index.pairs import ListedPairs, Pair

MAX_COLORS = 64


@dataclasses.dataclass(frozen=True)
class Collected:
    """The parts and facts of a folder. `indices` holds by split what the scan makes of the usable pairs.

    Each part has a label file, which several may share; `label_errors` says which cannot be read.
    """

    path: PathLike | ListedPairs
    parts: Sequence[Part]
    examined: Sequence[Examined]
    label_files: Sequence[LabelFile]
    channels: int
    label_errors: Sequence[str] = ()

    @property
    def labels(self) -> LabelFile:
        """The label file of the first part, as which training reads the others."""
        return self.label_files[0]

    @functools.cached_property
    def read_by(self) -> tuple[LabelFile, ...]:
        """What decides about the masks of each part: its own file, and that of the first one where it says nothing."""
        first = self.labels
        return tuple(
            dataclasses.replace(
                own,
                names=own.names or first.names,
                ignore_class=first.ignore_class if own.ignore_class is None else own.ignore_class,
                colors=own.colors or first.colors,
                label_map=own.label_map or first.label_map,
            )
            for own in self.label_files
        )

    def name(self, file: pathlib.Path | None) -> str:
        """A file relative to the folder."""
        root = pathlib.Path(self.path[0]).parent if isinstance(self.path, (tuple, list)) else pathlib.Path(self.path)
        return str(file.relative_to(root)) if file is not None and file.is_relative_to(root) else str(file)

    def split(self, found: Examined) -> str | None:
        """The split of an image or a mask."""
        return self.parts[found.files.part].split

    @functools.cached_property
    def pairs(self) -> tuple[Examined, ...]:
        """Image and mask, both readable."""
        return tuple(found for found in self.examined if found.readable)

    @functools.cached_property
    def class_masks(self) -> tuple[tuple[Examined, MaskFacts], ...]:
        """The readable masks of classes that belong to an image."""
        return tuple((f, f.mask) for f in self.examined if isinstance(f.mask, MaskFacts) and f.files.image is not None)

    @functools.cached_property
    def painted(self) -> bool:
        """Whether masks hold colors."""
        return any(found.colors is not None for found, _ in self.class_masks)

    @functools.cached_property
    def all_colors(self) -> dict[Rgb, int]:
        """The pixels per color in all painted masks: black first, then the most frequent."""
        total: collections.Counter[Rgb] = collections.Counter()
        for found, facts in self.class_masks:
            if len(total) <= 65536:
                total.update(_colors_of(found, facts) or {})
        return dict(sorted(total.items(), key=lambda item: (item[0] != (0, 0, 0), -item[1], item[0])))

    @functools.cached_property
    def palette(self) -> Mapping[Rgb, int] | None:
        """The id of each color in the first part: that of labels.json, or one derived from the masks; None for too
        many colors.
        """
        if self.labels.colors is not None:
            return self.labels.colors
        lossy = any(facts.lossy and found.colors is not None for found, facts in self.class_masks)
        if not self.painted or lossy or len(self.all_colors) > MAX_COLORS:
            return None
        return {color: id_ for id_, color in enumerate(self.all_colors)}

    def palette_of(self, part: int) -> Mapping[Rgb, int] | None:
        """The id of each color in a part, which may have a label file of its own."""
        own = self.label_files[part].colors
        return self.palette if own is None else own

    def named_without_colors(self, part: int) -> bool:
        """Whether the label file of a part tells what ids mean, and not which color has which id.

        Ids that are derived from the colors are no ids of these names then, except for black as the background and one
        other color.
        """
        labels = self.read_by[part]
        if labels.colors is not None or self.palette is None or not self.painted:
            return False
        if labels.names is None:
            return labels.label_map is not None
        only_one = len(self.palette) == len(labels.names) == 2 and (0, 0, 0) in self.palette
        return labels.label_map is not None or not (only_one and is_background(labels.names[0]))

    @property
    def unknown_colors(self) -> list[Rgb]:
        """The colors without an id, in the order of `all_colors`."""
        unknown: set[Rgb] = set()
        for found, facts in self.class_masks:
            unknown |= (_colors_of(found, facts) or {}).keys() - (self.palette_of(found.files.part) or {}).keys()
        return [color for color in self.all_colors if color in unknown]

    def fault(self, found: Examined) -> str:
        """Why the scan cannot read the labels of a mask, in words; "" if it can."""
        facts = found.mask
        if not isinstance(facts, MaskFacts):
            return ""
        if self.painted:
            colors = _colors_of(found, facts)
            if colors is None:
                return "holds ids, while others are painted in colors"
            palette = self.palette_of(found.files.part)
            if found.many or palette is None or colors.keys() - palette.keys():
                return "holds colors without an id"
        elif found.many:
            return "holds too many different values"
        elif facts.spoiled:
            return str(lossy_ids(facts.path)).removeprefix(f"{facts.path}: ")
        elif self.stray(found):
            return "holds labels that are no class"
        return ""

    def stray(self, found: Examined) -> list[int]:
        """The labels of a mask that are neither a class of the label file nor ignored."""
        facts, part = found.mask, found.files.part
        if not isinstance(facts, MaskFacts):
            return []
        declared = self._declared[part]
        if declared is not None:
            return stray_labels(facts, declared)
        ignored = _ignored_by(self.read_by[part])
        return sorted(value for value in facts.counts if value < 0 and value not in ignored)

    @functools.cached_property
    def _declared(self) -> tuple[LabelEncoding | None, ...]:
        """By part, the encoding that the label file defines."""
        return tuple(map(_declared_by, self.read_by))

    def difference(self, found: Examined) -> str:
        """How the size of a mask, the first of several, differs: see `difference_of`."""
        return self.difference_of(*_files(found))

    def difference_of(self, image: FileFacts, mask: FileFacts) -> str:
        """How the size of a mask differs: "same", "turned" (fits before the EXIF orientation), "scaled" or "other"."""
        applied = self.exif[0] == APPLY
        size, other = (image.turned_size, mask.turned_size) if applied else (image.size, mask.size)
        if size == other:
            return "same"
        if applied and other == image.size:
            return "turned"
        # Rounding to whole pixels changes either side by less than one.
        ratio = size[0] / other[0]
        return "scaled" if abs(other[1] * ratio - size[1]) <= max(1.0, ratio) else "other"

    @functools.cached_property
    def exif(self) -> tuple[str, str]:
        """("apply" or "ignore", why that is not clear or "")."""
        examples = [(_pair(found), *_files(found)) for found in self.pairs]
        try:
            return exif_choice(examples, self.labels.exif_orientation)[0], ""
        except InputError as error:
            return APPLY, str(error)

    def turn_is_unclear(self, found: Examined) -> bool:
        """Whether a mask may fit its image as viewers show it or as it is stored, and nothing tells which."""
        image, mask = _files(found)
        fits_both = image.turned_size == mask.turned_size and image.size == mask.size
        return bool(self.exif[1]) and image.orientation != mask.orientation and fits_both

    @functools.cached_property
    def usable(self) -> tuple[tuple[Examined, ...], ...]:
        """By part, the pairs that training can read, or could after the mask is resized or turned."""
        rows: list[list[Examined]] = [[] for _ in self.parts]
        for found in self.pairs:
            if self.difference(found) != "other" and not self.fault(found) and not found.further:
                rows[found.files.part].append(found)
        return tuple(map(tuple, rows))

    @functools.cached_property
    def mixed(self) -> LabelEncoding | None:
        """The reading of black and white masks on two scales, some of them smoothed, which the scan refuses."""
        kinds = {facts.kind for _, facts in self.class_masks}
        names = self.labels.names
        two = names is None or len(names) == 2
        if self.painted or not two or self.labels.label_map or not {"unit", "blurred"} <= kinds:
            return None
        if _ignored_by(self.labels) or not kinds <= {"unit", "white", "blurred", "empty"}:
            return None
        return LabelEncoding(num_classes=2, class_names=names, label_file=self.labels.content)

    @functools.cached_property
    def _readings(self) -> tuple[dict[str | None, DataIndex], dict[str | None, str]]:
        indices, refused = {}, {}
        encoding = None
        for number, (part, rows) in enumerate(zip(self.parts, self.usable, strict=True)):
            if not rows:
                continue
            try:
                indices[part.split] = index = self._index(number, rows, encoding or self.mixed)
                encoding = encoding or getattr(index, "encoding", None)  # Of the first part, also for the last.
            except InputError as error:
                refused[part.split] = str(error)
        return indices, refused

    @functools.cached_property
    def _names_of_masks(self) -> list[str]:
        """The classes with masks of their own, the same for all parts: some may have none of a class."""
        masks = [found.mask for rows in self.usable for found in rows]
        return sorted({name for mask in masks if isinstance(mask, ClassFileFacts) for name, _ in mask.files})

    @property
    def indices(self) -> dict[str | None, DataIndex]:
        """What the scan makes of the usable pairs, by split. Val and test are read as train is, like in training."""
        return self._readings[0]

    @property
    def refused(self) -> dict[str | None, str]:
        """Why the scan refuses the usable pairs, by split."""
        return self._readings[1]

    def _index(self, number: int, rows: Sequence[Examined], encoding: LabelEncoding | None) -> DataIndex:
        part, labels = self.parts[number], self.label_files[number]
        if self.named_without_colors(number):
            labels = LabelFile(names=tuple(f"class_{id_}" for id_ in range(len(self.palette or ()))))
        shared: dict[str, Any] = {"channels": self.channels, "exif_orientation": self.exif[0]}
        if part.examples:
            classes = [ImageClasses(_pair(f), image_of(f), f.mask) for f in rows if isinstance(f.mask, ClassFileFacts)]
            return index_of_classes(self.folder, classes, names=self._names_of_masks, **shared)
        if part.objects:
            objects = [ImageObjects(_pair(f), image_of(f), f.mask) for f in rows if isinstance(f.mask, ObjectFacts)]
            return index_of_objects(self.path, objects, components=None, ignored=(), **shared)
        palette = self.palette_of(number) if self.painted else None
        seen = [
            PairFacts(_pair(f), image_of(f), f.mask if palette is None else _in_ids(f, f.mask, palette))
            for f in rows
            if isinstance(f.mask, MaskFacts)
        ]
        return index_of_pairs(
            self.path,
            seen,
            labels=labels,
            ignore_class=labels.ignore_class,
            class_names=labels.names,
            label_map=labels.label_map,
            colors=palette,
            encoding=encoding,
            **shared,
        )

    @property
    def folder(self) -> str:
        """The folder, or both paths, as text."""
        return folder_name(self.path)


def _declared_by(labels: LabelFile) -> LabelEncoding | None:
    """The encoding that a label file defines; None if it defines no classes, or what the reading refuses."""
    names, label_map = labels.names, labels.label_map or {}
    if names is None and not label_map:
        return None
    count = max(2, *(id_ + 1 for id_ in label_map.values())) if names is None else len(names)
    try:
        return LabelEncoding(num_classes=count, ignore_class=_ignored_by(labels), label_map=tuple(label_map.items()))
    except InputError:
        return None


def _ignored_by(labels: LabelFile) -> tuple[int, ...]:
    try:
        return _validation.ignored_classes(labels.ignore_class)
    except InputError:
        return ()  # The reading refuses it.


def _pair(found: Examined) -> Pair:
    if found.files.image is None or found.files.mask is None:
        raise ValueError("Only pairs have both files.")
    return Pair(found.files.image, found.files.mask)


def image_of(found: Examined) -> ImageFacts:
    """The facts of a readable image."""
    if found.image is None:
        raise ValueError("Only readable images have facts.")
    return found.image


def _files(found: Examined) -> tuple[FileFacts, FileFacts]:
    if found.mask is None:
        raise ValueError("Only readable masks have facts.")
    return image_of(found).file, found.mask.file


def _colors_of(found: Examined, facts: MaskFacts) -> dict[Rgb, int] | None:
    """The pixels per color; of a gray mask too, if it is stored in colors or is black. None for a mask of ids."""
    if found.colors is not None:
        return found.colors
    if facts.file.channels >= 3 or set(facts.counts) <= {0}:
        return {(value, value, value): count for value, count in facts.counts.items()}
    return None


def _in_ids(found: Examined, facts: MaskFacts, palette: Mapping[Rgb, int]) -> MaskFacts:
    counts: dict[int, int] = {}
    for color, count in (_colors_of(found, facts) or {}).items():
        counts[palette[color]] = counts.get(palette[color], 0) + count
    return facts._replace(counts=counts, palette=None)
