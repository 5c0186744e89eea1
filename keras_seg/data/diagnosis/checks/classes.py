"""Masks without content, classes that are absent, and classes that are rare."""

from collections.abc import Iterator

import numpy as np

from keras_seg.data.diagnosis.checks.indices import Indices, of_classes, short, with_classes
from keras_seg.data.diagnosis.finding import Finding, files, found, listed
from keras_seg.data.index.label_names import names_given

_RARE = 0.01
_MANY_VALUES = 48


def constant_masks(indices: Indices) -> Iterator[Finding]:
    """Masks of a single label."""
    held = [index for _, index in of_classes(indices)]
    masks = [(pair.mask, row) for index in held for pair, row in zip(index.pairs, index.presence, strict=True)]
    constant = [short(mask, indices) for mask, row in masks if row.sum() <= 1]
    if masks and np.any([row for _, row in masks], axis=0).sum() <= 1:
        message = f"All {len(masks):,} masks hold the same single label."
        yield found("error", "constant-masks", constant, message, fix="Export them again: there is nothing to learn.")
    elif constant:
        message = f"{len(constant):,} of {files(len(masks), 'mask')} hold a single label."
        fix = "Check some of them: an image without objects is fine, a missing annotation is not."
        yield found("note", "constant-masks", constant, message, fix=fix)


def many_values(indices: Indices) -> Iterator[Finding]:
    """Very many values, which are read as very many classes."""
    for _, index in list(of_classes(indices))[:1]:
        if index.num_classes >= _MANY_VALUES and not names_given(index.encoding):
            rows = np.flatnonzero(index.presence.sum(1) > 2)
            names = [short(index.pairs[row].mask, indices) for row in rows]
            message = (
                f"Masks hold labels up to {index.num_classes - 1}, read as {index.num_classes} classes: gray levels of "
                "smoothed masks, or object numbers?"
            )
            fix = "Export the masks again without smoothing, write names into labels.json, or pass `task='instances'`."
            yield found("warning", "many-values", names, message, fix=fix)


def absent_classes(indices: Indices) -> Iterator[Finding]:
    """Classes without a pixel in a split."""
    for split, index in with_classes(indices):
        absent = [index.class_names[id_] for id_ in np.flatnonzero(index.pixel_counts.sum(axis=0) == 0)]
        if absent:
            where = f"in {split}" if split else "in any mask"
            message = f"{len(absent)} of {index.num_classes} classes have no pixel {where}: {listed(absent)}"
            again = "Divide the images again so that each split holds every class."
            fix = again if split else "Annotate examples of these classes, or remove them from the label file."
            yield found("warning", "absent-classes", absent, message, fix=fix)


def rare_classes(indices: Indices) -> Iterator[Finding]:
    """Classes with a very small share of the pixels."""
    held = [index for _, index in with_classes(indices)]
    if held:
        total = np.sum([index.pixel_counts.sum(axis=0) for index in held], axis=0)
        rare = [id_ for id_ in np.flatnonzero(total) if total[id_] < _RARE * total.sum()]
        if rare:
            names = [held[0].class_names[id_] for id_ in rare]
            shares = [f"{name} {total[id_] / total.sum():.2%}" for name, id_ in zip(names, rare, strict=True)]
            covered = f"cover less than 1% of the pixels each: {listed(shares)}."
            message = f"{len(rare)} of {held[0].num_classes} classes {covered}"
            fix = "See docs/how-to/imbalance.md for losses and sampling that help."
            yield found("note", "rare-classes", names, message, fix=fix)
