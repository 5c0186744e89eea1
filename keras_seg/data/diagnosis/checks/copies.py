"""Images that occur more than once, or look alike."""

from collections.abc import Iterator, Sequence

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.copies import copies_of_images
from keras_seg.data.diagnosis.finding import Finding, files, some
from keras_seg.data.diagnosis.near_duplicates import near_duplicates
from keras_seg.data.diagnosis.pair_facts import PairFacts


def exact_copies(collected: Collected) -> Iterator[Finding]:
    """Images with the same pixels."""
    across, within = [], []
    for first, *others in copies_of_images(collected.pairs):
        for other in others:
            (within if first.split == other.split else across).append((first, other))
    if across:
        yield Finding(
            severity="error",
            code="copies-across-splits",
            message=f"{files(len(across), 'image')} of one split occur in another with the same pixels: scores are too "
            "high.",
            count=len(across),
            examples=_named(collected, across),
            fix="Remove these images from train, together with their masks.",
            repairable=True,
        )
    if within:
        yield Finding(
            severity="warning",
            code="copies",
            message=f"{files(len(within), 'image')} occur more than once with the same pixels.",
            count=len(within),
            examples=_named(collected, within),
            fix="Keep one of each. Without a val folder, a copy may be trained and validated on.",
        )


def near_copies(collected: Collected) -> Iterator[Finding]:
    """Images that look alike."""
    facts = collected.pairs
    groups = [[facts[i] for i in group] for group in near_duplicates([f.image_look for f in facts if f.image_look])]
    across = [group for group in groups if len({f.split for f in group}) > 1]
    within = [group for group in groups if len({f.split for f in group}) == 1]
    if across:
        # The first of one split, and the first of another.
        pairs = [(group[0], next(f for f in group if f.split != group[0].split)) for group in across]
        yield Finding(
            severity="warning",
            code="near-copies-across-splits",
            message=f"{files(len(across), 'group')} of images that look alike ({sum(map(len, across)):,} images) in "
            "several splits: scores may be too high.",
            count=len(across),
            examples=_named(collected, pairs),
            fix="Put images of one scene, video or patient into one split.",
        )
    if within:
        yield Finding(
            severity="note",
            code="near-copies",
            message=f"{files(len(within), 'group')} of images that look alike ({sum(map(len, within)):,} images).",
            count=len(within),
            examples=_named(collected, [(group[0], group[1]) for group in within]),
            fix="If you divide the images, put those that look alike into one split.",
        )


def _named(collected: Collected, pairs: Sequence[tuple[PairFacts, PairFacts]]) -> tuple[str, ...]:
    return some(f"{collected.name(first.image)} = {collected.name(second.image)}" for first, second in pairs)
