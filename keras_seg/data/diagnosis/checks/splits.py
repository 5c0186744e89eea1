"""Splits that are too small, and groups that two of them share."""

import re
from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, some

_MIN_GROUPS = 2


def tiny_splits(collected: Collected) -> Iterator[Finding]:
    """Splits of a single image."""
    for listing in collected.listings:
        if len(listing.pairs) == 1:
            where = listing.split or "The folder"
            yield Finding(
                severity="warning",
                code="one-image",
                message=f"{where} holds a single image with a mask.",
                examples=some([collected.name(listing.pairs[0].image)]),
                fix="Add images: a score of one image says little, and one image cannot be divided.",
            )


def leaking_groups(collected: Collected) -> Iterator[Finding]:
    """Name prefixes, such as those of a patient or a video, that occur in more than one split."""
    groups: dict[str, dict[str | None, int]] = {}
    for listing in collected.listings:
        for pair in listing.pairs:
            prefix = re.match(r"(.*[^\W_])[-_. ]+[^-_. ]+$", pair.image.stem)
            if prefix is not None:
                splits = groups.setdefault(prefix[1], {})
                splits[listing.split] = splits.get(listing.split, 0) + 1
    # A prefix that all files share, or that few do, names no group.
    if len(groups) < _MIN_GROUPS:
        return
    leaking = [name for name, splits in groups.items() if len(splits) > 1]
    if leaking:
        yield Finding(
            severity="note",
            code="shared-prefixes",
            message=f"{len(leaking)} of {len(groups)} name prefixes occur in more than one split.",
            count=len(leaking),
            examples=some(f"{name}..." for name in leaking),
            fix="If a prefix names a patient, video or flight, put all of its images into one split.",
        )
