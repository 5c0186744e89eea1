"""Objects that overlap, are hidden, or seem to be inverted."""

import pathlib
from collections.abc import Callable, Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, Severity, found
from keras_seg.data.index.object_facts import ObjectFacts, inversion_notice, overlap_notice


def overlapping_objects(collected: Collected) -> Iterator[Finding]:
    """Objects that share pixels."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.overlapping]
    fix = "Check some of them: a file that shows several objects overlaps with those of its objects."
    yield from _finding(collected, seen, severity="note", code="overlapping-objects", notice=overlap_notice, fix=fix)


def inverted_objects(collected: Collected) -> Iterator[Finding]:
    """Masks that are mostly white."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.inverted]
    fix = "Look at these masks."
    yield from _finding(collected, seen, severity="warning", code="inverted-objects", notice=inversion_notice, fix=fix)


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


def _objects(collected: Collected) -> Iterator[tuple[pathlib.Path, ObjectFacts]]:
    masks = ((item.files.mask, item.mask) for item in collected.pairs)
    return ((file, facts) for file, facts in masks if file is not None and isinstance(facts, ObjectFacts))
