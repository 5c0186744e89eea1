"""How the values of mask files become class ids."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike
from keras_seg._validation import InputError
from keras_seg.data.index import black_and_white

# The usual label of pixels without a class in 8-bit masks (Pascal VOC, Cityscapes, ADE20K).
_VOID = 255

# Ids spread thinner than this are gray levels rather than ids that count up from 0.
_SPARSE_FROM = 64
_SPARSE_SHARE = 0.25


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelEncoding:
    """How the values of mask files become class ids. Immutable; `scan_folder` detects it.

    Args:
        num_classes: int >= 2. The ids of the classes are 0 .. num_classes - 1.
        ignore_class: tuple of int. Ids of pixels without a class. Defaults to ().
        class_names: tuple of str. One name per class. Defaults to None, for "class_0", "class_1", ...
        threshold: int. For black and white masks: pixels from this value on belong to class 1, all others to class 0.
            Defaults to None, for masks of ids.
        label_map: tuple of (value in the file, id), or a dict. Lists every value of the masks but those of
            `ignore_class`. Defaults to (), for values that are their ids.
        colors: tuple of (color, id), or a dict, for masks painted in colors (red, green, blue). Defaults to ().
        label_file: str. What the label file of the data said, to recognize it again. Defaults to None, for no file.
        notices: tuple of str. One line per setting that was detected automatically. Defaults to ().

    Raises:
        InputError: An argument is out of range, or `threshold` and `label_map` are both given.

    Examples:
        >>> encoding = LabelEncoding(num_classes=2, threshold=128)
        >>> encoding.encode(np.array([[0, 255]], "uint8")).tolist()
        [[0, 1]]
    """

    num_classes: int
    ignore_class: tuple[int, ...] = ()
    class_names: tuple[str, ...] | None = None
    threshold: int | None = None
    label_map: tuple[tuple[int, int], ...] = ()
    colors: tuple[tuple[tuple[int, int, int], int], ...] = ()
    label_file: str | None = None
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__  # The way to set a field of a frozen dataclass.
        put(self, "num_classes", _validation.integer("num_classes", self.num_classes, 2))
        put(self, "ignore_class", _validation.ignored_classes(self.ignore_class))
        put(self, "class_names", _validation.class_names(self.class_names, self.num_classes))
        put(self, "label_map", tuple(sorted(as_label_map(self.label_map).items())))
        colors = self.colors.items() if isinstance(self.colors, Mapping) else self.colors
        put(self, "colors", tuple(sorted((tuple(map(int, color)), int(id_)) for color, id_ in colors)))
        put(self, "notices", tuple(self.notices))
        if self.threshold is not None and self.label_map:
            fix = "Remove one of the two: a threshold already maps every value to class 0 or 1."
            _validation.fail("label_map", "cannot be combined with `threshold`", self.label_map, fix)

    @classmethod
    def _from_counts(
        cls,
        counts: Mapping[int, int],
        *,
        num_classes: int | None = None,
        ignore_class: IgnoreClass = None,
        class_names: Sequence[str] | None = None,
        label_map: Mapping[int, int] | None = None,
    ) -> Self:
        """Detect the encoding from how often each value occurs.

        - only 0 and 255, or values near 0 and 255 (smoothed edges, JPEG): two classes;
        - otherwise values are ids. Without `num_classes` it is the largest id plus one, and 255 beside other ids marks
          pixels without a class, unless `ignore_class` is given.

        Every setting that no argument determines leaves a notice.

        Args:
            counts: dict from the value in the files to its number of pixels.
            num_classes: number of classes, or None to detect it.
            ignore_class: label or labels of pixels without a class.
            class_names: one name per class; their number is `num_classes` if that is None.
            label_map: dict from the value in the file to its id. It lists every value except for ignored ones, and
                for 0 if nothing else becomes 0.

        Returns:
            A `LabelEncoding`. `_check` finds labels outside its range, and can name the file.

        Raises:
            InputError: The number of names differs from the number of classes, the number of classes cannot be
                detected, or `label_map` leaves out a value.
        """
        ignored = _validation.ignored_classes(ignore_class)
        names = None if class_names is None else tuple(class_names)
        if num_classes is not None:
            num_classes = _validation.integer("num_classes", num_classes, 2)
        if num_classes is None and names is not None:
            num_classes = len(names)
        mapped = as_label_map(label_map or {})
        if mapped:
            _refuse_unlisted(counts, mapped, ignored)
        ids: dict[int, int] = {}
        for value, count in counts.items():
            id_ = int(mapped.get(value, value))
            ids[id_] = ids.get(id_, 0) + int(count)
        notices = []
        unused = sorted(mapped.keys() - counts.keys())
        if unused:
            notices.append(f"No mask holds the value {_some(unused)} of label_map.")
            ids = dict.fromkeys(mapped.values(), 0) | ids  # The map tells all classes.
        if num_classes in (None, 2) and not mapped and not ignored:
            notice = _black_and_white_notice(ids, two_classes=num_classes == 2)
            if notice is not None:
                return cls(num_classes=2, class_names=names, threshold=black_and_white.THRESHOLD, notices=(notice,))
        if num_classes is None:
            if not ignored and _VOID in ids and max(ids) == _VOID:
                ignored = (_VOID,)
                notices.append("Masks hold 255 beside other ids: read as pixels without a class (ignore_class=255).")
            num_classes = _count_classes([id_ for id_ in ids if id_ not in ignored])
            notices.append(f"Masks hold ids up to {num_classes - 1}: read as {num_classes} classes.")
        return cls(
            num_classes=num_classes,
            ignore_class=ignored,
            class_names=names,
            label_map=tuple(mapped.items()),
            notices=tuple(notices),
        )

    @property
    def dtype(self) -> np.dtype:
        """uint8 if it holds every id, else int32."""
        labels = (self.num_classes - 1, *self.ignore_class)
        return np.dtype("uint8" if min(labels) >= 0 and max(labels) <= 255 else "int32")

    def encode(self, mask: np.ndarray) -> np.ndarray:
        """Convert the values of a mask file to ids.

        Args:
            mask: integer array of any shape.

        Returns:
            Array of the same shape and of `dtype`.
        """
        if self.threshold is not None:
            return (mask >= self.threshold).astype(self.dtype)
        if not self.label_map:
            return mask.astype(self.dtype)
        result = mask.astype(np.int32)
        for value, id_ in self.label_map:
            result[mask == value] = id_
        return result.astype(self.dtype)

    def _encode_counts(self, counts: Mapping[int, int]) -> dict[int, int]:
        """Convert pixel counts per value to pixel counts per id."""
        ids: dict[int, int] = {}
        mapped = dict(self.label_map)
        for value, count in counts.items():
            id_ = int(value >= self.threshold) if self.threshold is not None else mapped.get(value, value)
            ids[id_] = ids.get(id_, 0) + count
        return ids

    def _stray_labels(self, counts: Mapping[int, int]) -> list[int]:
        """The labels of one mask that are neither a class nor ignored, values that `label_map` does not list first.

        Args:
            counts: dict from value to number of pixels.
        """
        mapped = dict(self.label_map)
        unlisted = sorted(counts.keys() - listed_values(mapped, self.ignore_class)) if mapped else []
        known = {value: count for value, count in counts.items() if value not in unlisted}
        labels = sorted(self._encode_counts(known))
        return unlisted + [x for x in labels if x not in self.ignore_class and not 0 <= x < self.num_classes]

    def _check(self, counts: Mapping[int, int], path: PathLike) -> None:
        """Refuse a mask that holds a label which is neither a class nor ignored.

        Args:
            counts: dict from value to number of pixels of one mask file.
            path: the file, for the message.
        """
        mapped = dict(self.label_map)
        if mapped:
            try:
                _refuse_unlisted(counts, mapped, self.ignore_class)
            except InputError as error:
                raise InputError(f"{path}: {error}") from error
        for label in self._stray_labels(counts):
            # 255 as a class of its own is far rarer than as pixels without one.
            fix = f"Pass num_classes={label + 1}, or " if label > 0 and label != _VOID else "Pass "
            raise InputError(
                f"{path}: holds label {label}, outside the {self.num_classes} classes 0..{self.num_classes - 1}. "
                f"{fix}ignore_class={label} if it marks pixels without a class."
            )

    def get_config(self) -> dict[str, Any]:
        """The fields as JSON types; `LabelEncoding(**config)` restores the encoding."""
        config = dataclasses.asdict(self)
        for name in ("ignore_class", "class_names", "notices"):
            config[name] = list(config[name])
        config["label_map"] = [list(pair) for pair in self.label_map]
        config["colors"] = [[list(color), id_] for color, id_ in self.colors]
        return config


def as_label_map(value: Any) -> dict[int, int]:
    """`label_map` as a dict of integers, from a dict or pairs; digits in text, as JSON's keys are, count."""
    try:
        pairs = list(value.items() if isinstance(value, Mapping) else value)
        mapped = {int(key): int(id_) for key, id_ in pairs}
        exact = all(int(x) == (int(x) if isinstance(x, str) else x) for pair in pairs for x in pair)
    except (TypeError, ValueError):
        exact, pairs, mapped = False, [], {}
    if not exact or len(mapped) != len(pairs):
        _validation.fail("label_map", "must map integers to integers, each value once", value)
    return mapped


def listed_values(mapped: Mapping[int, int], ignored: Iterable[int]) -> set[int]:
    """The values that masks may hold beside a map: also 0 where no other value becomes 0. It stays the background."""
    return {*mapped, *ignored} | (set() if 0 in mapped.values() else {0})


def count_up(ids: Sequence[int]) -> bool:
    """Whether sorted labels, all of them 0 or more, may be ids of classes: large ones among few others are not."""
    return ids[-1] < _SPARSE_FROM or len(ids) >= _SPARSE_SHARE * (ids[-1] + 1)


def _refuse_unlisted(counts: Mapping[int, int], mapped: Mapping[int, int], ignored: Sequence[int]) -> None:
    """Refuse values that a map leaves out: they would count as the class that happens to have their number."""
    missing = sorted(counts.keys() - listed_values(mapped, ignored))
    if missing:
        found = _some([f"{value} ({counts[value]} pixels)" for value in missing])
        value = missing[0]
        raise InputError(
            f"the masks hold {found}, which label_map does not list. List every value: add "
            f'{value}: ID (in labels.json "{value}": ID), or pass ignore_class={value} if it marks pixels without a '
            "class."
        )


def _some(items: Sequence[Any]) -> str:
    return ", ".join(map(str, items[:6])) + (f" and {len(items) - 6} more" if len(items) > 6 else "")


def _black_and_white_notice(ids: Mapping[int, int], *, two_classes: bool) -> str | None:
    """The notice about black and white masks, if the values are those of such masks.

    With `two_classes`, which were asked for, values in the whole range are not needed as evidence.
    """
    values = sorted(ids)
    if values[0] < 0 or values[-1] > 255 or values[-1] <= 1:
        return None
    if set(values) <= {0, 255}:
        return "Masks hold 0 and 255: read as classes 0 and 1."
    if values == [0, 1, 255]:
        return None  # Two classes, and 255 for pixels without one: however few pixels hold 1, it is not black.
    total, margin, threshold = sum(ids.values()), black_and_white.MARGIN, black_and_white.THRESHOLD
    black = sum(count for value, count in ids.items() if value <= margin)
    white = sum(count for value, count in ids.items() if value >= 255 - margin)
    # Smoothing leaves traces all the way between black and white; ids with 255 for void stop far below 255.
    dark = any(margin < value < threshold for value in values)
    bright = any(threshold <= value < 255 - margin for value in values)
    flat = black + white >= black_and_white.MIN_SHARE * total and min(black, white) > 0
    if not flat or not (two_classes or (dark and bright)):
        return None
    between = total - ids.get(0, 0) - ids.get(255, 0)
    return (
        f"Masks are black and white with {between / total:.1%} of the pixels in between (smoothed or JPEG): "
        f"read as classes 0 and 1, split at {threshold}."
    )


def _count_classes(labels: Iterable[int]) -> int:
    ids = sorted(labels)
    if not ids or ids[0] < 0:
        found = f"label {ids[0]}" if ids else "no class at all"
        raise InputError(f"The masks hold {found}. Pass num_classes and ignore_class to say which labels are classes.")
    if ids[-1] == 0:
        raise InputError("The masks hold label 0 only. Draw at least two classes, or pass num_classes.")
    if not count_up(ids):
        shown = ", ".join(str(id_) for id_ in ids[:6]) + (", ..." if len(ids) > 6 else "")
        example = ", ".join(f"{id_}: {position}" for position, id_ in enumerate(ids[:2]))
        raise InputError(
            f"The masks hold labels {shown}, which do not count up from 0. "
            f"Pass label_map={{{example}, ...}} (or write it into labels.json), or num_classes={ids[-1] + 1} to keep "
            "them."
        )
    return ids[-1] + 1
