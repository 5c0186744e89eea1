"""What a leaderboard found."""

import dataclasses
import math
import statistics
from typing import Any

from keras_seg import _validation
from keras_seg.metrics import Interval
from keras_seg.metrics.bootstrap import numbers_of
from keras_seg.metrics.ratios import defined
from keras_seg.training.tasks.score_table import percent


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeaderboardRow:
    """One model, trained with every seed.

    Attributes:
        name: str. The model and its backbone.
        model: str. A name of `models.names()`.
        backbone: str. A name of `backbones.names()`, or "none".
        score: `metrics.Interval` of the mean score over the seeds; NaN where no class occurs and none is predicted.
        seed_scores: dict from a seed to its score.
        difference: `metrics.Interval` of the score minus that of the best model, paired by images; None for the best.
        verdict: str. "worse", "unclear" where the interval holds 0, or "best".
        parameters: int.
        milliseconds: float or None. Median time for one image; None where the model could not be exported.
        size_bytes: int or None. Of the exported file, or of the float32 weights of a Keras model.
        on_front: bool. Whether no other model is at least as good and as fast, and one of the two more so.
    """

    name: str
    model: str
    backbone: str
    score: Interval
    seed_scores: dict[int, float]
    difference: Interval | None
    verdict: str
    parameters: int
    milliseconds: float | None
    size_bytes: int | None
    on_front: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Leaderboard:
    """Models under one protocol, the best first. `str(leaderboard)` is a table.

    Attributes:
        rows: tuple of `LeaderboardRow`.
        failures: dict from a model, or a model and its seed where not all fail alike, to the reason in one line.
        score_name: str. Such as "mean IoU".
        images: int. Validation images.
        format: str. What was timed and measured: "tflite", ..., or "keras".
        input_size: (height, width) of the timed image.
    """

    rows: tuple[LeaderboardRow, ...]
    failures: dict[str, str]
    score_name: str
    images: int
    format: str
    input_size: tuple[int, int]

    @property
    def headings(self) -> tuple[str, ...]:
        """Those of the columns of `cells`."""
        return "", "model", self.score_name, "to best", "95 %", "million", "ms", "MiB"

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text, below `headings`; an asterisk marks the Pareto front."""
        return [_cells(rank, row) for rank, row in enumerate(self.rows, start=1)]

    @property
    def notes(self) -> tuple[str, ...]:
        """How the table is read, and what failed, one line each."""
        height, width = self.input_size
        return (
            f"{self.images} validation images. Differences to the best model are paired by images; an interval that "
            "holds 0 does not show one.",
            f"million: parameters. ms and MiB: {self.format}, one image of {height}x{width}. *: on the Pareto front.",
            *(f"{name}: {reason}" for name, reason in self.failures.items()),
        )

    def markdown(self) -> str:
        """The table and its notes in Markdown."""
        lines = [self.headings, tuple("---" if place < 2 else "---:" for place in range(8)), *self.cells]
        table = ["| " + " | ".join(cell.replace("*", "\\*") for cell in line) + " |" for line in lines]
        notes = [f"- {note.replace('*', chr(92) + '*')}" for note in self.notes]
        return "\n".join([*table, "", *notes]) + "\n"

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for a score that is undefined."""
        rows = []
        for row in self.rows:
            content = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
            intervals = {name: numbers_of(content[name]) for name in ("score", "difference")}
            scores = {str(seed): defined(score) for seed, score in row.seed_scores.items()}
            rows.append({**content, **intervals, "seed_scores": scores})
        return {
            "score_name": self.score_name,
            "images": self.images,
            "level": self.rows[0].score.level,
            "format": self.format,
            "input_size": list(self.input_size),
            "rows": rows,
            "failures": self.failures,
        }

    def __str__(self) -> str:
        lines = [self.headings, *self.cells]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
        return "\n".join([*(line.rstrip() for line in table), *self.notes])


def score_and_time(row: LeaderboardRow) -> tuple[float, float] | None:
    """(score, milliseconds); None for a model without one of the two."""
    score, milliseconds = row.score.value, row.milliseconds
    return None if milliseconds is None or math.isnan(score) else (score, milliseconds)


def with_front(rows: list[LeaderboardRow]) -> tuple[LeaderboardRow, ...]:
    """The rows, with those marked that are on the Pareto front of score and latency."""
    places = [score_and_time(row) for row in rows]

    def beaten(own: tuple[float, float]) -> bool:
        others = (place for place in places if place is not None and place != own)
        return any(score >= own[0] and time <= own[1] for score, time in others)

    return tuple(
        dataclasses.replace(row, on_front=place is not None and not beaten(place))
        for row, place in zip(rows, places, strict=True)
    )


def one_line(error: Exception) -> str:
    """The reason of an error in one line."""
    text = " ".join(_validation.printable(str(error).strip()).split("\\n")[0].split()) or "no message"
    return text if isinstance(error, _validation.InputError) else f"{type(error).__name__}: {text[:200]}"


def _cells(rank: int, row: LeaderboardRow) -> tuple[str, ...]:
    scores = [100 * score for score in row.seed_scores.values() if not math.isnan(score)]
    spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
    gap = None if row.difference is None or math.isnan(row.difference.value) else row.difference
    return (
        f"{rank}{'*' if row.on_front else ''}",
        row.model if row.backbone == "none" else f"{row.model} {row.backbone}",
        f"{percent(row.score.value)}{spread}",
        "" if gap is None else f"{100 * gap.value:+.1f}",
        "" if gap is None else f"{100 * gap.low:+.1f} to {100 * gap.high:+.1f}",
        f"{row.parameters / 1e6:.2f}",
        "" if row.milliseconds is None else f"{row.milliseconds:.1f}",
        "" if row.size_bytes is None else f"{row.size_bytes / 2**20:.2f}",
    )
