"""Masks painted in colors."""

import json
from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, listed, some


def painted_masks(collected: Collected) -> Iterator[Finding]:
    """Colors without an id, with the entry of labels.json that defines them."""
    masks = [(facts, look) for facts, look in collected.masks if look.colors is not None]
    if not collected.painted or not masks:
        return
    known = collected.labels.colors
    if known is not None:
        bad = [(facts, look) for facts, look in masks if look.many or set(look.colors or {}) - set(known)]
        if bad:
            unknown = [color for color in collected.all_colors if color not in known]
            yield Finding(
                severity="error",
                code="unknown-colors",
                message=f"{files(len(bad), 'mask')} with colors that labels.json does not list: {listed(unknown)}.",
                count=len(bad),
                examples=some(collected.name(facts.mask) for facts, _ in bad),
                fix='Add these colors to "colors" of labels.json, or paint the masks again without smoothing.',
            )
    elif collected.palette is None:
        yield Finding(
            severity="error",
            code="too-many-colors",
            message=f"{files(len(masks), 'mask')} painted in more colors than classes: smoothed, or saved as JPEG.",
            count=len(masks),
            examples=some(collected.name(facts.mask) for facts, _ in masks),
            fix="Export the masks again as PNG, without smoothing, so that each class has one color.",
        )
    else:
        colors = [list(color) for color in collected.palette]
        yield Finding(
            severity="error",
            code="colors",
            message=f"{files(len(masks), 'mask')} painted in {len(colors)} colors: {listed(list(collected.palette))}.",
            count=len(masks),
            examples=some(collected.name(facts.mask) for facts, _ in masks),
            fix=f'Write into labels.json, in the order of the ids: {{"colors": {json.dumps(colors)}}}',
            repairable=True,
        )
