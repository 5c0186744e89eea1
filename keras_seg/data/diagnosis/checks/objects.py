"""Objects that overlap, are hidden, or seem to be inverted."""

import pathlib
from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, found
from keras_seg.data.index.object_facts import ObjectFacts, inversion_notice, overlap_notice


def overlapping_objects(collected: Collected) -> Iterator[Finding]:
    """Objects that share pixels."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.overlapping]
    if seen:
        fix = "Check some of them: a file that shows several objects overlaps with those of its objects."
        names = [collected.name(file) for file, _ in seen]
        yield found("note", "overlapping-objects", names, overlap_notice(seen), fix=fix)


def inverted_objects(collected: Collected) -> Iterator[Finding]:
    """Masks that are mostly white."""
    seen = [(file, facts) for file, facts in _objects(collected) if facts.inverted]
    if seen:
        fix = "Look at these masks."
        names = [collected.name(file) for file, _ in seen]
        yield found("warning", "inverted-objects", names, inversion_notice(seen), fix=fix)


def _objects(collected: Collected) -> Iterator[tuple[pathlib.Path, ObjectFacts]]:
    masks = ((item.files.mask, item.mask) for item in collected.pairs)
    return ((file, facts) for file, facts in masks if file is not None and isinstance(facts, ObjectFacts))
