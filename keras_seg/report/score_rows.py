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


def class_points(name: str, value: float | None, facts: Mapping[str, Any]) -> str:
    """The IoU of a class in percent; "ignored" for a class that is not evaluated, "absent" for one without pixels.

    Args:
        name: str. The class.
        value: float, or None for either.
        facts: dict. The fingerprint of a plan.
    """
    names = facts.get("class_names", ())
    ignored = {names[id_] for id_ in facts.get("ignore_class", ()) if 0 <= id_ < len(names)}
    return "ignored" if name in ignored else points(value)


def interval_text(interval: Sequence[float] | None) -> str:
    """The ends of an interval in percent; "" for none."""
    return "" if interval is None else f"{points(interval[0])} to {points(interval[1])}"
