"""Very small regions in masks."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, some
from keras_seg.data.diagnosis.specks import SPECK

_MANY = 20


def speckled_masks(collected: Collected) -> Iterator[Finding]:
    """Masks with many regions of a few pixels, a hint of noisy labels."""
    bad = [(facts, look.specks) for facts, look in collected.masks if look.specks >= _MANY]
    if bad:
        bad.sort(key=lambda item: -item[1])
        yield Finding(
            severity="warning",
            code="specks",
            message=f"{files(len(bad), 'mask')} with {_MANY} or more regions of under {SPECK} pixels (up to "
            f"{bad[0][1]:,}): stray brush marks, or resized with interpolation.",
            count=len(bad),
            examples=some(collected.name(facts.mask) for facts, _ in bad),
            fix="Look at these masks, and remove regions that are not objects.",
        )
