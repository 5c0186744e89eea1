"""The scores out of fold as a table of text."""

from typing import Any

from keras_seg.evaluation import FoldsEvaluation
from keras_seg.evaluation.score_interval import score_interval
from keras_seg.training.tasks import Task
from keras_seg.training.tasks.score_table import ScoreTable, percent

_INTERVAL = "95 %"


def folds_table(task: Task, found: FoldsEvaluation) -> ScoreTable:
    """The score of all images with its interval, and what the task lists: IoU of classes with intervals, or counts.

    Args:
        task: `Task` of the folds.
        found: `evaluation.FoldsEvaluation`.
    """
    table = task.table(found.evaluation)
    headings, details = (*table.headings, _INTERVAL), table.details
    if len(found.iou):
        headings = ("class", "IoU", _INTERVAL)
        rows = zip(table.details, found.iou, strict=True)
        details = tuple((name, iou, _ends(low, high)) for (name, iou, *_), (_, low, high) in rows)
    score, value, *_ = table.score
    interval = found.interval
    return ScoreTable(
        headings=headings,
        details=details,
        score=(score, value, _ends(interval.low, interval.high)),
        others=tuple(row[:2] for row in table.others),
    )


def ensemble_words(task: Task, test: Any) -> str:
    """The score of an ensemble in words.

    Args:
        task: `Task` of the folds.
        test: its evaluation on test images, or None.
    """
    if test is None:
        return (
            "no score: its members were trained on all images. Expect about the "
            f"{task.score_label} above, or a little more"
        )
    interval = score_interval(test)
    ends = _ends(interval.low, interval.high)
    between = f" ({ends}, {_INTERVAL})" if ends else ""
    return f"{task.score_label} {percent(test.score)}{between} on {test.images} test images, which are in no fold"


def _ends(low: float, high: float) -> str:
    return "" if low != low else f"{percent(low)} to {percent(high)}"
