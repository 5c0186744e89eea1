"""How much of the objects is found, by their size."""

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from keras_seg import _validation
from keras_seg._page.charts import bar_chart
from keras_seg.report.examination import points

# Ends of the bins: the square root of an object's pixels, which is the side of a square of its size.
SIDES = (8, 16, 32, 64, 128)
NAMES = ("<8", "8-16", "16-32", "32-64", "64-128", "128+")


def can_count_objects() -> bool:
    """Whether SciPy is installed, which finds the regions of a mask."""
    return importlib.util.find_spec("scipy") is not None


def region_recalls(mask: np.ndarray, predicted: np.ndarray, ignored: Sequence[int]) -> np.ndarray:
    """float (regions, 2): the side of each region of one class in a mask, and the share of it that is predicted right.

    Args:
        mask: integer array (height, width) of class ids.
        predicted: integer array (height, width) of class ids.
        ignored: labels of pixels that do not count.
    """
    ndimage: Any = _validation.optional_import("scipy.ndimage", "boundary", "recall by object size")
    rows = []
    for class_ in np.unique(mask):
        if class_ in ignored:
            continue
        regions, count = ndimage.label(mask == class_)
        pixels = np.bincount(regions.ravel(), minlength=count + 1)[1:]
        hits = np.bincount(regions[predicted == class_], minlength=count + 1)[1:]
        rows.append(np.stack([np.sqrt(pixels), hits / pixels], axis=1))
    return np.concatenate(rows) if rows else np.zeros((0, 2))


def recall_chart(bins: Sequence[tuple[str, int, float, float]], title: str) -> Markup:
    """The bars of `by_side`."""
    return bar_chart(
        [(name, 100 * recall) for name, _, recall, _ in bins],
        title=title,
        x_label="side of a square of the object's size, pixels",
        highest=100,
        description="; ".join(f"{name} pixels: {points(recall)} percent" for name, _, recall, _ in bins) + ".",
    )


def by_side(recalls: np.ndarray) -> list[tuple[str, int, float, float]]:
    """(name, objects, mean recall, share found) of each bin; found means a recall above one half. NaN in empty bins."""
    place = np.digitize(recalls[:, 0], SIDES)
    rows = []
    for number, name in enumerate(NAMES):
        of_bin = recalls[place == number, 1]
        mean = (float(of_bin.mean()), float((of_bin > 0.5).mean())) if len(of_bin) else (np.nan, np.nan)
        rows.append((name, len(of_bin), *mean))
    return rows
