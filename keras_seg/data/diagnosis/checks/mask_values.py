"""Mask values that disagree, were smeared by compression, or are no class."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, listed, some
from keras_seg.data.diagnosis.stray_labels import stray_labels

_MANY_VALUES = 48


def mixed_kinds(collected: Collected) -> Iterator[Finding]:
    """Masks of 0 and 1 beside masks of 0 and 255, or of ids beside colors."""
    kinds = collected.kinds
    if collected.black_and_white and "0 and 1" in kinds:
        few = min(kinds.values(), key=len)
        counts = ", ".join(f"{len(group):,} hold {kind}" for kind, group in sorted(kinds.items()))
        yield Finding(
            severity="error",
            code="mixed-values",
            message=f"Masks disagree about the value of the object: {counts} (or values near these).",
            count=len(few),
            examples=some(collected.name(facts.mask) for facts in few),
            fix="Multiply the masks of 0 and 1 by 255, so that all masks hold 0 and 255.",
            repairable=True,
        )
    elif collected.painted and collected.labels.colors is None:
        plain = [facts for facts, look in collected.masks if look.colors is None]
        if plain:
            yield Finding(
                severity="error",
                code="ids-and-colors",
                message=f"{files(len(plain), 'mask')} of ids beside masks painted in colors.",
                count=len(plain),
                examples=some(collected.name(facts.mask) for facts in plain),
                fix="Export all masks in the same way.",
            )


def lossy_masks(collected: Collected) -> Iterator[Finding]:
    """Masks whose values were changed by JPEG or smoothing."""
    lossy = [(facts, look) for facts, look in collected.masks if collected.is_lossy(look)]
    if not lossy:
        return
    usable = collected.black_and_white
    yield Finding(
        severity="warning" if usable else "error",
        code="lossy-masks",
        message=f"{files(len(lossy), 'mask')} saved as JPEG or smoothed"
        + (", so that borders are uncertain." if usable else ": their values are no longer the labels."),
        count=len(lossy),
        examples=some(collected.name(facts.mask) for facts, _ in lossy),
        fix="Export the masks again as PNG" + (", or split them at 128." if usable else "."),
        repairable=usable,
    )


def gray_levels(collected: Collected) -> Iterator[Finding]:
    """Very many values, which would be read as very many classes."""
    if collected.labels.names is None and collected.understood and not collected.painted:
        values = collected.classes
        if len(values) >= _MANY_VALUES:
            masks = [facts for facts, look in collected.masks if len(look.values) > 2]
            yield Finding(
                severity="warning",
                code="many-values",
                message=f"Masks hold {len(values)} different values, read as so many classes: gray levels of smoothed "
                "masks, or object numbers?",
                count=len(masks),
                examples=some(collected.name(facts.mask) for facts in masks),
                fix="Export the masks again without smoothing, or write the names of the classes into labels.json.",
            )


def out_of_range(collected: Collected) -> Iterator[Finding]:
    """Values that are neither a class nor ignored, where the label file says which classes there are."""
    bad = [(facts, stray_labels(collected, look)) for facts, look in collected.masks]
    bad = [(facts, stray) for facts, stray in bad if stray]
    if bad:
        values = sorted({value for _, stray in bad for value in stray})
        yield Finding(
            severity="error",
            code="out-of-range",
            message=f"{files(len(bad), 'mask')} with labels that are no class: {listed(values)} (classes are "
            f"0..{max(collected.classes, default=0)}).",
            count=len(bad),
            examples=some(collected.name(facts.mask) for facts, _ in bad),
            fix='Add the missing names, map the labels ("label_map"), or list them in "ignore_class" of labels.json.',
        )
