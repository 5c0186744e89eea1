"""Images with the same pixels."""

from collections.abc import Iterable

from keras_seg.data.diagnosis.pair_facts import PairFacts

# A copy is kept in the last of these splits that has it: what is tested on must not be trained on.
_ORDER = ("train", "val", "test")


def copies_of_images(pairs: Iterable[PairFacts]) -> list[list[PairFacts]]:
    """Groups of at least two pairs whose images have the same pixels; the one to keep comes first."""
    groups: dict[bytes, list[PairFacts]] = {}
    for facts in pairs:
        if facts.image_look is not None:
            groups.setdefault(facts.image_look.pixel_hash, []).append(facts)
    return [sorted(group, key=_rank, reverse=True) for group in groups.values() if len(group) > 1]


def _rank(facts: PairFacts) -> int:
    return _ORDER.index(facts.split) if facts.split in _ORDER else -1
