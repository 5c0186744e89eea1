"""The scores in the results of an evaluation, as text."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_seg.report.examination import points


def score_rows(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(what a score is called, its key, its value in percent) of each score of all images together.

    Args:
        metrics: dict. The content of metrics.json, or the results of an evaluation in it.
    """
    for key, value in metrics.items():
        if isinstance(value, float) and "threshold" not in key and "tolerance" not in key:
            yield key.replace("_", " ").replace("iou", "IoU"), key, points(value)


def interval_text(interval: Sequence[float] | None) -> str:
    """The ends of an interval in percent; "" for none."""
    return "" if interval is None else f"{points(interval[0])} to {points(interval[1])}"
