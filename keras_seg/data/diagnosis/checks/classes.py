"""Masks without content, classes that are absent, and classes that are rare."""

import collections
from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, listed, some

_RARE = 0.01


def constant_masks(collected: Collected) -> Iterator[Finding]:
    """Masks of a single label."""
    if not collected.understood:
        return
    constant = [facts for facts, look in collected.masks if not look.many and len(collected.class_pixels(look)) <= 1]
    if not constant:
        return
    labels = {id_ for _, look in collected.masks for id_ in collected.class_pixels(look)}
    total, useless = len(collected.masks), len(labels) <= 1
    yield Finding(
        severity="error" if useless else "note",
        code="constant-masks",
        message=f"All {total:,} masks hold the same single label."
        if useless
        else f"{len(constant):,} of {files(total, 'mask')} hold a single label.",
        count=len(constant),
        examples=some(collected.name(facts.mask) for facts in constant),
        fix="Export the masks again: there is nothing to learn."
        if useless
        else "Check some of them: an image without objects is fine, a missing annotation is not.",
    )


def class_totals(collected: Collected) -> dict[str | None, collections.Counter[int]]:
    """The pixels per class, by split; none if the masks are not understood."""
    totals: dict[str | None, collections.Counter[int]] = {}
    if not collected.understood:
        return totals
    for facts, look in collected.masks:
        totals.setdefault(facts.split, collections.Counter()).update(collected.class_pixels(look))
    return totals


def absent_classes(collected: Collected) -> Iterator[Finding]:
    """Classes without a pixel in a split."""
    for split, total in class_totals(collected).items():
        absent = [id_ for id_ in collected.classes if not total[id_]]
        if absent:
            where = f"in {split}" if split else "in any mask"
            yield Finding(
                severity="warning",
                code="absent-classes",
                message=f"{len(absent)} of {len(collected.classes)} classes have no pixel {where}.",
                count=len(absent),
                examples=some(collected.class_name(id_) for id_ in absent),
                fix="Divide the images again so that each split holds every class."
                if split
                else "Annotate some examples of these classes, or remove them from the label file.",
            )


def imbalance(collected: Collected) -> Iterator[Finding]:
    """Classes with a very small share of the pixels."""
    total: collections.Counter[int] = collections.Counter()
    for counts in class_totals(collected).values():
        total.update(counts)
    pixels = sum(total.values())
    rare = [id_ for id_ in collected.classes if 0 < total[id_] < _RARE * pixels]
    if rare:
        shares = [f"{collected.class_name(id_)} {total[id_] / pixels:.2%}" for id_ in rare]
        yield Finding(
            severity="note",
            code="rare-classes",
            message=f"{len(rare)} of {len(collected.classes)} classes cover less than 1% of the pixels each: "
            f"{listed(shares)}.",
            count=len(rare),
            examples=some(collected.class_name(id_) for id_ in rare),
            fix="See docs/how-to/imbalance.md for losses and sampling that help.",
        )
