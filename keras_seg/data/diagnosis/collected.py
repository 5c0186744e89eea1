"""What one pass over a data folder collected, and how its masks are understood."""

import collections
import dataclasses
import functools
import pathlib
from typing import Literal

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.diagnosis.folder_listing import Listing
from keras_seg.data.diagnosis.pair_facts import MaskLook, PairFacts, Rgb
from keras_seg.data.diagnosis.smeared import is_smeared
from keras_seg.data.index import black_and_white
from keras_seg.data.index.label_file import LabelFile

Kind = Literal["ids", "0 and 1", "0 and 255", "smeared", "colors"]
MAX_COLORS = 64
_VOID = 255


@dataclasses.dataclass(frozen=True)
class Collected:
    """The listings and facts of a folder. `scan_errors` are the refusals of `scan_folder`, by split."""

    path: pathlib.Path
    listings: tuple[Listing, ...]
    facts: tuple[PairFacts, ...]
    labels: LabelFile
    label_error: str = ""
    scan_errors: dict[str | None, str] = dataclasses.field(default_factory=dict)

    def name(self, file: pathlib.Path | None) -> str:
        """A file relative to the folder."""
        return str(file.relative_to(self.path)) if file is not None and file.is_relative_to(self.path) else str(file)

    @functools.cached_property
    def pairs(self) -> tuple[PairFacts, ...]:
        """Image and mask, both readable."""
        return tuple(facts for facts in self.facts if facts.readable)

    @functools.cached_property
    def masks(self) -> tuple[tuple[PairFacts, MaskLook], ...]:
        """The readable masks that belong to an image."""
        return tuple((f, f.mask_look) for f in self.facts if f.mask_look is not None and f.image is not None)

    @functools.cached_property
    def painted(self) -> bool:
        """Whether masks hold colors."""
        return self.labels.colors is not None or any(not look.gray for _, look in self.masks)

    @functools.cached_property
    def all_colors(self) -> dict[Rgb, int]:
        """The pixels per color in all masks that are stored in colors: black first, then the most frequent."""
        total: collections.Counter[Rgb] = collections.Counter()
        for _, look in self.masks:
            total.update(look.colors or {})
            if len(total) > 65536:
                break
        return dict(sorted(total.items(), key=lambda item: (item[0] != (0, 0, 0), -item[1], item[0])))

    @functools.cached_property
    def palette(self) -> dict[Rgb, int] | None:
        """The id of each color: that of labels.json, or one derived from the masks; None for too many colors."""
        if self.labels.colors is not None:
            return self.labels.colors
        if not self.painted or len(self.all_colors) > MAX_COLORS or any(look.many for _, look in self.masks):
            return None
        return {color: id_ for id_, color in enumerate(self.all_colors)}

    def kind(self, look: MaskLook) -> Kind:
        """What the pixels of a mask are."""
        if self.painted and look.colors is not None:
            return "colors"
        values = look.values
        if set(values) <= {0, 1}:
            return "0 and 1"
        if set(values) <= {0, _VOID}:
            return "0 and 255"
        return "smeared" if not look.many and is_smeared(values, jpeg=look.jpeg) else "ids"

    @functools.cached_property
    def kinds(self) -> dict[Kind, list[PairFacts]]:
        """The masks by kind, without those that hold 0 only, which fit several."""
        found: dict[Kind, list[PairFacts]] = {}
        for facts, look in self.masks:
            if self.kind(look) == "colors" or set(look.values) != {0}:
                found.setdefault(self.kind(look), []).append(facts)
        return found

    @functools.cached_property
    def black_and_white(self) -> bool:
        """Whether masks are black and white."""
        names = self.labels.names
        two = self.labels.label_map is None and self.labels.ignore_class is None and (names is None or len(names) == 2)
        return two and not self.painted and "ids" not in self.kinds and bool({"0 and 255", "smeared"} & set(self.kinds))

    def is_lossy(self, look: MaskLook) -> bool:
        """Whether JPEG or smoothing changed the values of a mask."""
        return look.jpeg or (not self.painted and self.kind(look) == "smeared")

    @functools.cached_property
    def understood(self) -> bool:
        """Whether the pixels of the masks can be counted per class."""
        if self.painted:
            return self.palette is not None
        return self.black_and_white or not any(self.is_lossy(look) for _, look in self.masks)

    @functools.cached_property
    def ignored(self) -> tuple[int, ...]:
        """Ids of pixels without a class."""
        if self.labels.ignore_class is not None:
            try:
                return _validation.ignored_classes(self.labels.ignore_class)
            except InputError:
                return ()  # `scan_folder` refuses it.
        if self.painted or self.black_and_white or self.labels.names is not None:
            return ()
        return (_VOID,) if any(_VOID in look.values for _, look in self.masks) else ()

    def class_pixels(self, look: MaskLook) -> dict[int, int]:
        """The pixels per class id of a mask, without ignored pixels."""
        ids: dict[int, int] = {}
        for id_, count in self._ids(look):
            if id_ is not None and id_ not in self.ignored:
                ids[id_] = ids.get(id_, 0) + count
        return ids

    def _ids(self, look: MaskLook):
        if self.painted:
            palette = self.palette or {}
            colors = look.colors or {}
            return [(palette.get(color), count) for color, count in colors.items()]
        if self.black_and_white:
            # A mask of 0 and 1 among masks of 0 and 255 means the same.
            white = 1 if self.kind(look) == "0 and 1" else black_and_white.THRESHOLD
            return [(int(value >= white), count) for value, count in look.values.items()]
        mapped = self.labels.label_map or {}
        return [(mapped.get(value, value), count) for value, count in look.values.items()]

    @functools.cached_property
    def classes(self) -> list[int]:
        """The class ids: those that have names, or that occur."""
        if self.labels.names is not None:
            return [id_ for id_ in range(len(self.labels.names)) if id_ not in self.ignored]
        return sorted({id_ for _, look in self.masks for id_ in self.class_pixels(look)})

    def class_name(self, id_: int) -> str:
        """The name of a class, or its id."""
        names = self.labels.names
        return names[id_] if names is not None and 0 <= id_ < len(names) else f"class_{id_}"
