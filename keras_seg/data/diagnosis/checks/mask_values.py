"""Masks painted in colors, changed by compression, of several scales, or with labels that are no class."""

import json
from collections import Counter
from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, files, found, listed
from keras_seg.data.index import black_and_white
from keras_seg.data.index.folder_index import FolderIndex


def painted_masks(collected: Collected) -> Iterator[Finding]:
    """Colors without an id, with the entry of labels.json that defines them."""
    painted = [collected.name(item.files.mask) for item, _ in collected.class_masks if item.colors is not None]
    if not painted:
        return
    faulty = [(collected.name(item.files.mask), collected.fault(item)) for item, _ in collected.class_masks]
    without = [name for name, fault in faulty if fault == "holds colors without an id"]
    plain = [name for name, fault in faulty if fault.startswith("holds ids")]
    if collected.labels.colors is None and collected.palette is not None:
        colors = json.dumps([list(color) for color in collected.palette])
        message = f"{files(len(painted), 'mask')} painted in {len(collected.palette)} colors: {colors}."
        code, fix = "colors*", f'Write into labels.json, in the order of the ids: {{"colors": {colors}}}'
        if any(collected.named_without_colors(item.files.part) for item, _ in collected.class_masks):
            code, fix = "colors", 'Write "colors" into labels.json: the color of each class, in the order of the names.'
        yield found("error", code, painted, message, fix=fix)
    elif collected.palette is None:
        fix = "Export the masks again as PNG, without smoothing, so that each class has one color."
        message = f"{files(len(painted), 'mask')} painted in more colors than classes: smoothed, or saved as JPEG."
        yield found("error", "too-many-colors", painted, message, fix=fix)
    elif without:
        unknown = listed(collected.unknown_colors)
        message = f"{files(len(without), 'mask')} with colors that labels.json does not list: {unknown}."
        fix = 'Add these colors to "colors" of labels.json, or paint the masks again without smoothing.'
        yield found("error", "unknown-colors", without, message, fix=fix)
    if plain:
        message = f"{files(len(plain), 'mask')} of ids beside masks painted in colors."
        yield found("error", "ids-and-colors", plain, message, fix="Export all masks in the same way.")


def lossy_masks(collected: Collected) -> Iterator[Finding]:
    """Masks whose values were changed by JPEG or smoothing."""
    wrong, blurred = [], []
    for item, facts in collected.class_masks:
        if item.many and not facts.lossy:
            continue
        if facts.spoiled or (facts.lossy and item.colors is not None):
            wrong.append(collected.name(item.files.mask))
        elif facts.kind == "blurred" and item.colors is None:
            blurred.append(collected.name(item.files.mask))
    fix = "Export the masks again as PNG."
    if wrong:
        message = f"{files(len(wrong), 'mask')} saved with loss (JPEG): their values are no longer the labels."
        yield found("error", "lossy-masks", wrong, message, fix=fix)
    elif blurred:
        message = f"{files(len(blurred), 'mask')} saved as JPEG or smoothed, so that borders are uncertain."
        yield found("warning", "lossy-masks*", blurred, message, fix=fix)


def out_of_range(collected: Collected) -> Iterator[Finding]:
    """Values that are neither a class nor ignored, and masks of very many values."""
    if not collected.painted:
        many = [collected.name(item.files.mask) for item, _ in collected.class_masks if item.many]
        if many:
            fix = "Pass `task='instances'` if they number objects; otherwise export the masks again without smoothing."
            message = f"{files(len(many), 'mask')} with more values than a mask of classes has."
            yield found("error", "too-many-values", many, message, fix=fix)
        wrong = [
            (item, values)
            for item, facts in collected.class_masks
            if not (item.many or facts.lossy) and (values := collected.stray(item))
        ]
        if wrong:
            strays = sorted({value for _, values in wrong for value in values})
            names = [collected.name(item.files.mask) for item, _ in wrong]
            last = len(collected.read_by[wrong[0][0].files.part].names or ()) - 1
            range_ = f" (classes are 0..{last})" if last > 0 else ""
            message = f"{files(len(wrong), 'mask')} with labels that are no class: {listed(strays)}{range_}."
            fix = 'Add the missing names, map the labels ("label_map"), or list them in "ignore_class" of labels.json.'
            yield found("error", "out-of-range", names, message, fix=fix)


def mixed_scales(collected: Collected) -> Iterator[Finding]:
    """Masks of 0 and 1 beside masks of 0 and 255: the scan reads each by its own scale, unless others are smoothed."""
    read = any(isinstance(index, FolderIndex) and index.value_maps for index in collected.indices.values())
    severity, fix = "note", "Each is read by its own scale. One scale is clearer."
    if collected.mixed:
        severity, fix = "error", "Training stops, because others are smoothed. Save all masks as 0 and 255."
    kinds = {id(item): black_and_white.kind_of(facts.counts) for item, facts in collected.class_masks if not item.many}
    if read and "unit" in kinds.values() and {"white", "blurred"} & set(kinds.values()):
        number = Counter(kinds.values())
        few = "unit" if number["unit"] <= number["white"] else "white"
        names = [collected.name(item.files.mask) for item, _ in collected.class_masks if kinds.get(id(item)) == few]
        message = f"Masks have two scales: {number['white']:,} hold 0 and 255, {number['unit']:,} hold 0 and 1."
        yield found(severity, "mixed-values*", names, message, fix=fix)
