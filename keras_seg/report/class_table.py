"""The scores of each class as a table of a page."""

from collections.abc import Sequence

import numpy as np

from keras_seg._page.blocks import Block, Cell, Table, Text
from keras_seg.report.examination import points
from keras_seg.visualization import palette


def class_table(
    names: Sequence[str],
    iou: np.ndarray,
    ends: np.ndarray | None,
    columns: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    ignored: Sequence[int] = (),
) -> list[Block]:
    """IoU with its interval, precision, recall and share of the pixels, per class.

    Args:
        names: sequence of str.
        iou: float array (classes,); NaN for a class that is ignored or occurs nowhere.
        ends: float array (classes, 2) of 95 % intervals, or None for a single image.
        columns: (precision, recall, share of the pixels), float arrays (classes,).
        ignored: sequence of int. Labels that are ignored, classes among them. Defaults to ().
    """
    colors, rows = palette(len(iou)), []
    for place, name in enumerate(names):
        low, high = (np.nan, np.nan) if ends is None else ends[place]
        known = bool(np.isfinite([low, high]).all())
        rows.append(
            (
                Cell(text=name, color=hex_color(colors[place])),
                Cell(text="ignored" if place in ignored else points(iou[place]), bold=True),
                Cell(
                    text=f"{points(low)} to {points(high)}" if known else "",
                    bar=float(iou[place]) if np.isfinite(iou[place]) else None,
                    ends=(float(low), float(high)) if known else None,
                ),
                *("" if place in ignored else points(column[place]) for column in columns[:2]),
                f"{100 * columns[2][place]:.1f} %",
            )
        )
    text = (
        "The interval holds the IoU of 95 % of 1,000 samples, each drawn from the images with replacement: what to "
        "expect on other images of the same kind."
    )
    headings = ("class", "IoU", "95 % interval", "precision", "recall", "pixels")
    caption = "IoU, precision and recall of each class, in percent"
    return [
        Table(caption=caption, headings=headings, rows=tuple(rows), numbers=(1, 3, 4, 5)),
        Text(text=text, soft=True),
    ]


def hex_color(color: np.ndarray) -> str:
    """A color of a palette as a page writes it."""
    red, green, blue = (int(value) for value in color)
    return f"#{red:02x}{green:02x}{blue:02x}"
