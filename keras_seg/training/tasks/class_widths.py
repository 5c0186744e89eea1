"""How wide the parts of a class are, in pixels."""

from typing import Any

import numpy as np

from keras_seg._labels.class_bits import unpacked

# Widths hardly change with more masks.
_MASKS = 16


def class_widths(index: Any, *, overlapping: bool = False) -> dict[str, float | None]:
    """The mean width of the parts of each class, by name; None for a class without an edge in the sample.

    Twice the pixels of a class divided by the sides of pixels along its outline: the width of a strip along the rows or
    the columns, less than half the diameter of a disk.

    Args:
        index: a `FolderIndex`, or a `MultiLabelIndex` with `overlapping`.
        overlapping: bool. Whether the labels hold the classes as bits. Defaults to False.
    """
    pixels, sides = np.zeros(index.num_classes), np.zeros(index.num_classes)
    sample = index.sample(_MASKS)
    for position in range(len(sample)):
        labels = sample.read_labels(position)
        maps = unpacked(labels, index.num_classes) if overlapping else labels[..., None]
        for place in range(maps.shape[-1]):
            of_map = maps[..., place].astype("int64")
            area, edge = _counts(of_map, index.num_classes if not overlapping else 2)
            if overlapping:
                pixels[place] += area[1]
                sides[place] += edge[1]
            else:
                pixels += area
                sides += edge
    return {
        name: round(float(2 * area / edge), 2) if edge else None
        for name, area, edge in zip(index.class_names, pixels, sides, strict=True)
    }


def _counts(labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """(pixels, sides of pixels next to another label) of each class of a map (height, width)."""
    edge = np.zeros(classes)
    for first, second in ((labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])):
        differs = first != second
        for side in (first[differs], second[differs]):
            edge += _of_classes(side, classes)
    return _of_classes(labels.ravel(), classes), edge


def _of_classes(labels: np.ndarray, classes: int) -> np.ndarray:
    return np.bincount(labels[(labels >= 0) & (labels < classes)], minlength=classes)
