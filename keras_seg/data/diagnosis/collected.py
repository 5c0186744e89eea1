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
    """The parts and facts of a folder. `indices` holds by split what the scan makes of the usable pairs."""

    path: PathLike | ListedPairs
    parts: Sequence[Part]
    examined: Sequence[Examined]
    labels: LabelFile
    channels: int
    label_error: str = ""

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
        """The id of each color: that of labels.json, or one derived from the masks; None for too many colors."""
        if self.labels.colors is not None:
            return self.labels.colors
        lossy = any(facts.lossy and found.colors is not None for found, facts in self.class_masks)
        if not self.painted or lossy or len(self.all_colors) > MAX_COLORS:
            return None
        return {color: id_ for id_, color in enumerate(self.all_colors)}

    def fault(self, found: Examined) -> str:
        """Why the scan cannot read the labels of a mask, in words; "" if it can."""
        facts = found.mask
        if not isinstance(facts, MaskFacts):
            return ""
        if self.painted:
            colors = _colors_of(found, facts)
            if colors is None:
                return "holds ids, while others are painted in colors"
            if found.many or self.palette is None or colors.keys() - self.palette.keys():
                return "holds colors without an id"
        elif found.many:
            return "holds too many different values"
        elif facts.spoiled:
            return str(lossy_ids(facts.path)).removeprefix(f"{facts.path}: ")
        elif self.stray(facts):
            return "holds labels that are no class"
        return ""

    def stray(self, facts: MaskFacts) -> list[int]:
        """The labels of a mask that are neither a class of the label file nor ignored."""
        if self._declared is not None:
            return stray_labels(facts, self._declared)
        return sorted(value for value in facts.counts if value < 0 and value not in self._ignored)

    @functools.cached_property
    def _declared(self) -> LabelEncoding | None:
        """The encoding that the label file defines; None if it defines no classes, or what the reading refuses."""
        names, label_map = self.labels.names, self.labels.label_map or {}
        if names is None and not label_map:
            return None
        count = max(2, *(id_ + 1 for id_ in label_map.values())) if names is None else len(names)
        try:
            return LabelEncoding(num_classes=count, ignore_class=self._ignored, label_map=tuple(label_map.items()))
        except InputError:
            return None

    @functools.cached_property
    def _ignored(self) -> tuple[int, ...]:
        try:
            return _validation.ignored_classes(self.labels.ignore_class)
        except InputError:
            return ()  # The reading refuses it.

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
        if self._ignored or not kinds <= {"unit", "white", "blurred", "empty"}:
            return None
        return LabelEncoding(num_classes=2, class_names=names, label_file=self.labels.content)

    @functools.cached_property
    def _readings(self) -> tuple[dict[str | None, DataIndex], dict[str | None, str]]:
        indices, refused = {}, {}
        encoding = None
        for part, rows in zip(self.parts, self.usable, strict=True):
            if not rows:
                continue
            try:
                indices[part.split] = index = self._index(part, rows, encoding or self.mixed)
                encoding = getattr(index, "encoding", None)
            except InputError as error:
                refused[part.split] = str(error)
        return indices, refused

    @property
    def indices(self) -> dict[str | None, DataIndex]:
        """What the scan makes of the usable pairs, by split. Val and test are read as train is, like in training."""
        return self._readings[0]

    @property
    def refused(self) -> dict[str | None, str]:
        """Why the scan refuses the usable pairs, by split."""
        return self._readings[1]

    def _index(self, part: Part, rows: Sequence[Examined], encoding: LabelEncoding | None) -> DataIndex:
        shared: dict[str, Any] = {"channels": self.channels, "exif_orientation": self.exif[0]}
        if part.examples:
            classes = [ImageClasses(_pair(f), image_of(f), f.mask) for f in rows if isinstance(f.mask, ClassFileFacts)]
            return index_of_classes(self.folder, classes, **shared)
        if part.objects:
            objects = [ImageObjects(_pair(f), image_of(f), f.mask) for f in rows if isinstance(f.mask, ObjectFacts)]
            return index_of_objects(self.path, objects, components=None, ignored=(), **shared)
        palette = self.palette if self.painted else None
        seen = [
            PairFacts(_pair(f), image_of(f), f.mask if palette is None else _in_ids(f, f.mask, palette))
            for f in rows
            if isinstance(f.mask, MaskFacts)
        ]
        return index_of_pairs(
            self.path,
            seen,
            labels=self.labels,
            ignore_class=self.labels.ignore_class,
            class_names=self.labels.names,
            label_map=self.labels.label_map,
            colors=palette,
            encoding=encoding,
            **shared,
        )

    @property
    def folder(self) -> str:
        """The folder, or both paths, as text."""
        return folder_name(self.path)


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
