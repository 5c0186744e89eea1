"""Objects that overlap or are hidden, and masks of objects or classes that are inverted or empty."""

import pathlib
from collections.abc import Callable, Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, Severity, files, found
from keras_seg.data.index.class_file_facts import ClassFileFacts
from keras_seg.data.index.object_facts import (
    ObjectFacts,
    empty_notice,
    inversion_line,
    inversion_notice,
    overlap_notice,
)


def overlapping_objects(collected: Collected) -> Iterator[Finding]:
    """Objects that share pixels."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.overlapping]
    fix = "Check some of them: a file that shows several objects overlaps with those of its objects."
    yield from _finding(collected, seen, severity="note", code="overlapping-objects", notice=overlap_notice, fix=fix)


def empty_objects(collected: Collected) -> Iterator[Finding]:
    """Masks of objects that hold none, and images without objects."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.empty]
    fix = "Check some of them: an object may have been lost."
    yield from _finding(collected, seen, severity="note", code="empty-objects", notice=empty_notice, fix=fix)
    total = [file for file, _ in _objects(collected)]
    without = [collected.name(file) for file, facts in _objects(collected) if not facts.ids]
    if without and len(without) < len(total):
        message = f"{len(without):,} of {files(len(total), 'image')} hold no object."
        fix = "Check some of them: an image without objects is fine, a missing annotation is not."
        yield found("note", "constant-masks", without, message, fix=fix)


def inverted_objects(collected: Collected) -> Iterator[Finding]:
    """Masks that are mostly white."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.inverted]
    fix = "Look at these masks."
    yield from _finding(collected, seen, severity="warning", code="inverted-objects", notice=inversion_notice, fix=fix)
    inverted = [name for facts in _class_files(collected) for name in facts.inverted]
    if inverted:
        yield found("warning", "inverted-masks", inverted, inversion_line(inverted), fix=fix)


def unusable_files(collected: Collected) -> Iterator[Finding]:
    """Masks, of several of an image, that the scan refuses."""
    refused = [item for found_ in collected.examined for item in found_.further]
    if refused:
        names = [collected.name(file) for file, _ in refused]
        message = f"{files(len(refused), 'mask')} of several of an image cannot be used. The first: {refused[0][1]}"
        yield found("error", "unusable-mask", names, message, fix="Replace these masks.")


def constant_files(collected: Collected) -> Iterator[Finding]:
    """Masks of one of several classes that are all black or all white, and images without a mask for some class."""
    seen = list(_class_files(collected))
    total = sum(len(facts.files) for facts in seen)
    constant = [name for facts in seen for name in facts.constant]
    if constant:
        message = f"{len(constant):,} of {files(total, 'mask')} of a class are all black or all white."
        fix = "Check some of them: an image without this class is fine, a missing annotation is not."
        yield found("note", "constant-masks", constant, message, fix=fix)
    names = {name for facts in seen for name, _ in facts.files}
    lacking = [facts.files[0][1] for facts in seen if {name for name, _ in facts.files} < names]
    if lacking:
        message = f"{files(len(lacking), 'image')} without a mask for some class, read as holding none of it."
        shown = [collected.name(file) for file in lacking]
        yield found("note", "class-without-mask", shown, message, fix="Check that no mask is missing.")


def _finding(
    collected: Collected,
    seen: list[tuple[pathlib.Path, ObjectFacts]],
    *,
    severity: Severity,
    code: str,
    notice: Callable[..., str],
    fix: str,
) -> Iterator[Finding]:
    if seen:
        yield found(severity, code, [collected.name(file) for file, _ in seen], notice(seen), fix=fix)


def _class_files(collected: Collected) -> Iterator[ClassFileFacts]:
    """The facts of images with one mask per class."""
    return (item.mask for item in collected.pairs if isinstance(item.mask, ClassFileFacts))


def _objects(collected: Collected) -> Iterator[tuple[pathlib.Path, ObjectFacts]]:
    masks = ((item.files.mask, item.mask) for item in collected.pairs)
    return ((file, facts) for file, facts in masks if file is not None and isinstance(facts, ObjectFacts))
