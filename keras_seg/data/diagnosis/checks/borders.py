"""Masks that are shifted against their images, and masks with regions of a few pixels."""

from collections.abc import Iterator

import numpy as np

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, found
from keras_seg.data.diagnosis.specks import SPECK

_MIN_IMAGES = 5
_MIN_PIXELS = 2
_AGREEING = 0.6
_MANY_SPECKS = 20


def offset_borders(collected: Collected) -> Iterator[Finding]:
    """Borders that fit the images better when all masks are moved in the same direction."""
    told = [item for item in collected.pairs if item.offset is not None]
    if len(told) < _MIN_IMAGES:
        return
    offsets = np.array([item.offset for item in told])
    middle = np.round(np.median(offsets, axis=0)).astype(int)
    agreeing = np.abs(offsets - middle).max(1) <= 1
    if np.abs(middle).max() < _MIN_PIXELS or agreeing.mean() < _AGREEING:
        return
    down, right = (int(value) for value in middle)
    parts = [f"{abs(down)} px {'down' if down > 0 else 'up'}"] * bool(down)
    parts += [f"{abs(right)} px {'right' if right > 0 else 'left'}"] * bool(right)
    shifted = [collected.name(item.files.mask) for item, agrees in zip(told, agreeing, strict=True) if agrees]
    message = (
        f"Mask borders fit the image edges better when moved {' and '.join(parts)}, in {len(shifted)} of "
        f"{files(len(told), 'image')} with clear edges."
    )
    fix = "Look at the picture. If masks are shifted, correct the export of the label tool, or crop both alike."
    yield found("warning", "offset-borders", shifted, message, fix=fix)


def speckled_masks(collected: Collected) -> Iterator[Finding]:
    """Masks with many regions of a few pixels, a hint of noisy labels."""
    bad = sorted((-item.specks, collected.name(item.files.mask)) for item in collected.pairs)
    bad = [(specks, name) for specks, name in bad if -specks >= _MANY_SPECKS]
    if bad:
        message = (
            f"{files(len(bad), 'mask')} with {_MANY_SPECKS} or more regions of under {SPECK} pixels (up to "
            f"{-bad[0][0]:,}): stray brush marks, or resized with interpolation."
        )
        fix = "Look at these masks, and remove regions that are not objects."
        yield found("warning", "specks", [name for _, name in bad], message, fix=fix)
