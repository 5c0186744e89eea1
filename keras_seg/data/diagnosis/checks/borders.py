"""Masks that are shifted against their images."""

from collections.abc import Iterator

import numpy as np

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, some

_MIN_IMAGES = 5
_MIN_PIXELS = 2
_AGREEING = 0.6


def offset_borders(collected: Collected) -> Iterator[Finding]:
    """Borders that fit the images better when all masks are moved in the same direction."""
    told = [facts for facts in collected.pairs if facts.offset is not None]
    if len(told) < _MIN_IMAGES:
        return
    offsets = np.array([facts.offset for facts in told])
    middle = np.round(np.median(offsets, axis=0)).astype(int)
    agreeing = np.abs(offsets - middle).max(1) <= 1
    if np.abs(middle).max() < _MIN_PIXELS or agreeing.mean() < _AGREEING:
        return
    down, right = (int(value) for value in middle)
    parts = [f"{abs(down)} px {'down' if down > 0 else 'up'}"] * bool(down)
    parts += [f"{abs(right)} px {'right' if right > 0 else 'left'}"] * bool(right)
    shifted = [facts for facts, agrees in zip(told, agreeing, strict=True) if agrees]
    yield Finding(
        severity="warning",
        code="offset-borders",
        message=f"Mask borders fit the image edges better when moved {' and '.join(parts)}, in {len(shifted)} of "
        f"{files(len(told), 'image')} with clear edges.",
        count=len(shifted),
        examples=some(collected.name(facts.mask) for facts in shifted),
        fix="Look at the picture. If the masks are shifted, correct the export of the label tool, or crop both alike.",
    )
