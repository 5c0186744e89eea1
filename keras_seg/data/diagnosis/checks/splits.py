"""Splits that are too small, and groups that two of them share."""

import re
from collections.abc import Iterator

from keras_seg.data.diagnosis.checks.indices import Indices, short
from keras_seg.data.diagnosis.finding import Finding, found

_MIN_GROUPS = 2


def tiny_splits(indices: Indices) -> Iterator[Finding]:
    """Splits of a single image."""
    for split, index in indices.items():
        if len(index) == 1:
            fix = "Add images: a score of one image says little, and one image cannot be divided."
            message = f"{split or 'The folder'} holds a single image with a mask."
            yield found("warning", "one-image", [short(index.pairs[0].image, indices)], message, fix=fix)


def leaking_groups(indices: Indices) -> Iterator[Finding]:
    """Name prefixes, such as those of a patient or a video, that occur in more than one split."""
    groups: dict[str, set[str | None]] = {}
    for split, index in indices.items():
        for pair in index.pairs:
            prefix = re.match(r"(.*[^\W_])[-_. ]+[^-_. ]+$", pair.image.stem)
            if prefix is not None:
                groups.setdefault(prefix[1], set()).add(split)
    leaking = [f"{name}..." for name, splits in groups.items() if len(splits) > 1]
    # A prefix that all files share, or that few do, names no group.
    if leaking and len(groups) >= _MIN_GROUPS:
        message = f"{len(leaking)} of {len(groups)} name prefixes occur in more than one split."
        fix = "If a prefix names a patient, video or flight, put all of its images into one split."
        yield found("note", "shared-prefixes", leaking, message, fix=fix)
