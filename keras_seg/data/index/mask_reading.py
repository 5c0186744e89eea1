"""One reading for all masks of a folder, decided from the facts of every file.

- A file of two classes whose palette is black and white where it is used is read by color; other palettes hold ids.
- Two classes may be stored as 0 and 1, as 0 and 255, or with blurred edges: each file is read by its own scale.
- Everything else is ids, in the same way for all files.

Files that do not fit together are refused, with the name of one file of each kind.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._validation import InputError
from keras_seg.data.index import black_and_white
from keras_seg.data.index.black_and_white import WHITE
from keras_seg.data.index.label_encoding import LabelEncoding
from keras_seg.data.index.mask_facts import MaskFacts
from keras_seg.data.index.mask_ids import lossy_ids
from keras_seg.data.index.palettes import palette_maps

# How the values of one file are changed before the encoding applies.
ValueMap = tuple[tuple[int, int], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskReading:
    """The encoding of a folder, the value map of every file, and what was found out, in lines."""

    encoding: LabelEncoding
    value_maps: tuple[ValueMap, ...]
    notices: tuple[str, ...] = ()


def detect_reading(
    files: Sequence[MaskFacts],
    *,
    num_classes: int | None = None,
    ignore_class: Any = None,
    class_names: Sequence[str] | None = None,
    label_map: Mapping[int, int] | None = None,
) -> MaskReading:
    """The reading of masks about which nothing is known but the arguments.

    Raises:
        InputError: The values can be read in two ways or in none, or files disagree.
    """
    ignored = _validation.ignored_classes(ignore_class)
    maps: list[dict[int, int]] = [{} for _ in files]
    notices = []
    two_classes = num_classes in (None, 2) and (class_names is None or len(class_names) == 2)
    if label_map:
        _refuse_blurred(files, (*map(int, label_map), *ignored))
    else:
        maps = _by_palette(files, ignored, two_classes=two_classes)
        files, notices = _mapped(files, maps), _palette_notices(files, maps)
    scales = None if label_map or ignored or not two_classes else _mixed_scales(files)
    if scales is not None:
        maps = _joined(maps, scales)
        notices.append(_mixed_notice(files, scales))
        files = _mapped(files, scales)
    total = collections.Counter()
    for facts in files:
        total.update(facts.counts)
    encoding = LabelEncoding._from_counts(
        total,
        num_classes=num_classes,
        ignore_class=ignored or None,
        class_names=class_names,
        label_map=label_map,
    )
    if encoding.threshold is not None:
        _check_tones(files)
    else:
        _refuse_white_of_many(files, encoding)
        _check_ids(files, void_given=bool(ignored or label_map), void=WHITE in encoding.ignore_class)
    # The line about ids would only repeat the one about the scales.
    notices += () if scales is not None else encoding.notices
    return MaskReading(encoding=encoding, value_maps=_frozen(maps), notices=tuple(notices))


def follow_reading(files: Sequence[MaskFacts], encoding: LabelEncoding) -> MaskReading:
    """The reading of masks by the encoding of other data, such as those of a val split by the one of the train split.

    Two classes are read by the scale of each file, whichever scale the other data had.

    Raises:
        InputError: A file does not fit the encoding.
    """
    maps: list[dict[int, int]] = [{} for _ in files]
    notices: list[str] = []
    if encoding.label_map:
        _refuse_blurred(files, (*dict(encoding.label_map), *encoding.ignore_class))
    else:
        maps = _by_palette(files, encoding.ignore_class, two_classes=encoding.num_classes == 2)
        files, notices = _mapped(files, maps), _palette_notices(files, maps)
        if encoding.num_classes == 2 and WHITE not in encoding.ignore_class:
            scales = _scales_of(files, encoding)
            maps = _joined(maps, scales)
            if any(scales):
                example = next(facts for facts, map_ in zip(files, scales, strict=True) if map_)
                notices.append(
                    f"{sum(map(bool, scales))} of {len(files)} masks have another scale than the masks of the "
                    f"training data, such as {example.path.name}: each is read by its own as classes 0 and 1."
                )
        else:
            _check_ids(files, void_given=True, void=False)
    return MaskReading(encoding=encoding, value_maps=_frozen(maps), notices=tuple(notices))


def stray_labels(facts: MaskFacts, encoding: LabelEncoding) -> list[int]:
    """The labels of a file that are neither a class of the encoding nor ignored. White is a class if there are two."""
    white = encoding.num_classes == 2 and not encoding.label_map and facts.kind in ("white", "blurred")
    return [] if white else encoding._stray_labels(facts.counts)


def rename_reading(reading: MaskReading, files: Sequence[MaskFacts], to: LabelEncoding) -> MaskReading:
    """A reading with its classes renumbered as another encoding names them.

    Args:
        reading: of the folder by itself. Its class names are among those of `to`.
        files: the facts of its files.
        to: the encoding whose ids are wanted.
    """
    own, names = reading.encoding, list(to.class_names or ())
    ids = {id_: names.index(name) for id_, name in enumerate(own.class_names or ())}
    void = next(iter(to.ignore_class), None)
    if void is None:
        void = next((label for label in own.ignore_class if not 0 <= label < to.num_classes), -1)
    ids |= dict.fromkeys(own.ignore_class, void)
    maps = []
    for facts, first in zip(files, reading.value_maps, strict=True):
        before = dict(first)
        values = {value: before.get(value, value) for value in facts.counts}
        own._check({after: facts.counts[value] for value, after in values.items()}, facts.path)
        labels = {value: int(own.encode(np.array([after]))[0]) for value, after in values.items()}
        maps.append({value: ids[label] for value, label in labels.items()})
    ignored = {*to.ignore_class, *([void] if own.ignore_class else ())}
    encoding = LabelEncoding(
        num_classes=to.num_classes,
        ignore_class=tuple(ignored),
        class_names=to.class_names,
        colors=own.colors,
        label_file=own.label_file,
    )
    return MaskReading(encoding=encoding, value_maps=_frozen(maps), notices=reading.notices)


def apply_map(values: np.ndarray, value_map: ValueMap) -> np.ndarray:
    """The values with those of the map replaced, all at once."""
    if not value_map:
        return values
    result = values.astype(np.int32)
    for value, new in value_map:
        result[values == value] = new
    return result


def map_counts(counts: Mapping[int, int], value_map: Mapping[int, int]) -> dict[int, int]:
    """The pixel counts after the map."""
    result: dict[int, int] = {}
    for value, count in counts.items():
        new = value_map.get(value, value)
        result[new] = result.get(new, 0) + count
    return result


def _mapped(files: Sequence[MaskFacts], maps: Sequence[Mapping[int, int]]) -> list[MaskFacts]:
    return [
        facts._replace(counts=map_counts(facts.counts, map_)) if map_ else facts
        for facts, map_ in zip(files, maps, strict=True)
    ]


def _joined(first: Sequence[Mapping[int, int]], then: Sequence[Mapping[int, int]]) -> list[dict[int, int]]:
    """The maps one after the other."""
    joined = []
    for one, two in zip(first, then, strict=True):
        both = {value: two.get(after, after) for value, after in one.items()}
        taken = {value: after for value, after in two.items() if value not in one}
        joined.append(taken | both)
    return joined


def _frozen(maps: Sequence[Mapping[int, int]]) -> tuple[ValueMap, ...]:
    return tuple(tuple(sorted((v, new) for v, new in map_.items() if v != new)) for map_ in maps)


def _by_palette(files: Sequence[MaskFacts], ignored: Sequence[int], *, two_classes: bool) -> list[dict[int, int]]:
    """The maps of the palettes; none where the user gave an index of a palette a meaning."""
    maps = palette_maps(files, two_classes=two_classes)
    if any(label in map_ for map_ in maps for label in ignored):
        return [{} for _ in files]
    return maps


def _palette_notices(files: Sequence[MaskFacts], maps: Sequence[Mapping[int, int]]) -> list[str]:
    turned = [facts for facts, map_ in zip(files, maps, strict=True) if map_]
    if not turned:
        return []
    return [
        f"{len(turned)} of {len(files)} masks have black and white palettes in another order, such as "
        f"{turned[0].path.name}: read by color, black as 0 and white as 1."
    ]


def _first_of_each(files: Sequence[MaskFacts]) -> tuple[list[str], dict[str, MaskFacts]]:
    """The kind of every file, and the first file of each kind."""
    kinds = [facts.kind for facts in files]
    first: dict[str, MaskFacts] = {}
    for kind, facts in zip(kinds, files, strict=True):
        first.setdefault(kind, facts)
    return kinds, first


def _mixed_scales(files: Sequence[MaskFacts]) -> list[dict[int, int]] | None:
    """The maps from 255 to 1, if some files hold 0 and 1 and all others 0 and 255; None otherwise."""
    kinds, first = _first_of_each(files)
    if not {"unit", "white"} <= set(kinds) <= {"unit", "white", "empty"}:
        return None
    if not any({0, WHITE} <= facts.counts.keys() for facts in files):
        raise InputError(_question(first["unit"], first["white"]))
    return [{WHITE: 1} if kind == "white" else {} for kind in kinds]


def _mixed_notice(files: Sequence[MaskFacts], scales: Sequence[Mapping[int, int]]) -> str:
    one = next(facts for facts in files if set(facts.counts) >= {1})
    other, count = next(facts for facts, map_ in zip(files, scales, strict=True) if map_), sum(map(bool, scales))
    return (
        f"Masks have two scales, 0 and 255 in {count} of {len(files)} ({other.path.name}) and 0 and 1 in others "
        f"({one.path.name}): each is read by its own as classes 0 and 1."
    )


def _question(ids: MaskFacts, white: MaskFacts) -> str:
    return (
        f"{white.path}: holds 255, which {ids.path} does not use as a class. Pass ignore_class=255 (or write it into "
        "labels.json) if it marks pixels without a class, or save the masks again with one scale if 255 is a class."
    )


def _scales_of(files: Sequence[MaskFacts], encoding: LabelEncoding) -> list[dict[int, int]]:
    """The maps of each file of two classes to the values that the encoding reads."""
    kinds, first = _first_of_each(files)
    if encoding.threshold is not None:
        if "ids" in first:
            _check_tones([facts for facts, kind in zip(files, kinds, strict=True) if kind != "unit"])
        return [{1: WHITE} if kind == "unit" else {} for kind in kinds]
    if "ids" in first:
        if first["ids"].lossy:
            raise lossy_ids(first["ids"].path)
        return [{} for _ in kinds]  # The check of the labels has the message.
    pure = any({0, WHITE} <= facts.counts.keys() for facts in files)
    if {"unit", "white"} <= first.keys() and not pure:
        raise InputError(_question(first["unit"], first["white"]))
    maps = []
    for kind, facts in zip(kinds, files, strict=True):
        tones = black_and_white.thresholded(facts.counts, 1)
        maps.append(tones if kind in ("white", "blurred") else {})
    return maps


def _check_tones(files: Sequence[MaskFacts]) -> None:
    """Refuse files that do not belong to a folder of black and white masks."""
    kinds, first = _first_of_each(files)
    others = first.get("blurred") or first.get("white")
    for kind, facts in zip(kinds, files, strict=True):
        if kind == "unit" or (kind == "ids" and not black_and_white.fits_blurred(facts.counts)):
            values = ", ".join(map(str, sorted(facts.counts)[:6]))
            void = " Or pass ignore_class=255 if 255 marks pixels without a class." if WHITE in facts.counts else ""
            other = f"{others.path} is black and white" if others is not None else "the other masks are black and white"
            raise InputError(
                f"{facts.path}: holds the values {values}, but {other}. Save all masks in one form: one id per pixel, "
                f"or 0 and 255.{void}"
            )


def _check_ids(files: Sequence[MaskFacts], *, void_given: bool, void: bool) -> None:
    """Refuse files that hold something else than ids, and 255 that may be a class or none."""
    _, first = _first_of_each(files)
    lossy = next((facts for facts in files if facts.lossy and set(facts.counts) != {0}), None)
    if lossy is not None:
        raise lossy_ids(lossy.path)
    if "blurred" in first and ("ids" in first or "unit" in first):
        other = first.get("ids") or first["unit"]
        raise InputError(
            f"{first['blurred'].path}: is black and white with blurred edges, but {other.path} holds ids. "
            "Save all masks in one form: one id per pixel, or 0 and 255."
        )
    if void_given or not void:
        return
    pure = next((facts for facts in files if {0, WHITE} == facts.counts.keys()), None)
    beside = next((facts for facts in files if WHITE in facts.counts and set(facts.counts) - {0, WHITE}), None)
    several = any(set(facts.counts) - {0, 1, WHITE} for facts in files)
    ids = next((facts for facts in files if set(facts.counts) - {0, WHITE}), None)
    if pure is not None and ids is not None and (beside is None or not several):
        raise InputError(_question(beside or ids, pure).replace("does not use as a class", "has other ids beside"))
    if pure is None and beside is None and not several and ids is not None:
        raise InputError(_question(ids, first["white"]))


def _refuse_blurred(files: Sequence[MaskFacts], listed: Sequence[int]) -> None:
    """Refuse files whose values a map cannot list, because blurring made them."""
    for facts in files:
        if facts.counts.keys() <= set(listed):
            continue
        if facts.kind == "blurred":
            raise InputError(
                f"{facts.path}: is black and white with blurred edges, whose values label_map cannot list. Remove "
                f"label_map: such masks are read as two classes, split at {black_and_white.THRESHOLD}."
            )
        if facts.lossy:
            raise lossy_ids(facts.path)


def _refuse_white_of_many(files: Sequence[MaskFacts], encoding: LabelEncoding) -> None:
    """Refuse 0 and 255 where more than two classes were declared: it is not known which class white is."""
    kinds, first = _first_of_each(files)
    if encoding.label_map or WHITE in encoding.ignore_class or encoding.num_classes in (2, WHITE + 1):
        return
    if "white" in kinds and set(kinds) <= {"white", "empty"}:
        raise InputError(
            f"{first['white'].path}: is black and white (0 and 255), which is two classes, but {encoding.num_classes} "
            "are declared. Declare two (num_classes or names), or pass label_map={0: 0, 255: ID}, or ignore_class=255 "
            "if white marks pixels without a class."
        )
