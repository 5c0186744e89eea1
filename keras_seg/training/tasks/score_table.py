"""Scores as text in rows and columns."""

import dataclasses
import math

_BAR_WIDTH = 20


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScoreTable:
    """The scores of one evaluation as text. Every row has one cell per heading.

    Args:
        headings: tuple of str. The first column is text, the others are numbers.
        details: tuple of rows: scores per class, or counts.
        score: row of the score that ranks models.
        others: tuple of rows: further scores of the whole evaluation.
    """

    headings: tuple[str, ...]
    details: tuple[tuple[str, ...], ...]
    score: tuple[str, ...]
    others: tuple[tuple[str, ...], ...]


def percent(value: float | None) -> str:
    """A share as a number of percent with one decimal; "none" for None and NaN."""
    return "none" if value is None or math.isnan(value) else f"{100 * value:.1f}"


def score_bar(score: float) -> str:
    """A bar as long as a score; none for NaN."""
    return "" if score != score else "█" * round(_BAR_WIDTH * score)
