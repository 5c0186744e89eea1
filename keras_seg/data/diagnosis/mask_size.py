"""How the size of a mask differs from its image's."""

from typing import Literal

from keras_seg.data.diagnosis.pair_facts import PairFacts

Difference = Literal["same", "scaled", "turned", "other"]


def size_difference(facts: PairFacts) -> Difference:
    """ "same", "turned" (the size before the EXIF orientation), "scaled" (the same aspect ratio), or "other"."""
    if facts.image_look is None or facts.mask_look is None:
        raise ValueError("Only pairs of readable files have sizes.")
    (height, width), mask = facts.image_look.size, facts.mask_look.size
    if mask == (height, width):
        return "same"
    if mask == facts.image_look.stored_size:
        return "turned"
    # Rounding to whole pixels changes either side by less than one.
    ratio = height / mask[0]
    return "scaled" if abs(mask[1] * ratio - width) <= max(1.0, ratio) else "other"
