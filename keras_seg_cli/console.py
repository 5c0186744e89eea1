"""What the commands print: one console, tables and progress bars."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import rich.box
import rich.console
import rich.progress
import rich.status
import rich.table
import rich.text

if TYPE_CHECKING:
    from keras_seg.training.tasks.score_table import ScoreTable

# Paths and class names may hold square brackets and colons: no text is read as markup or as the name of an emoji.
console = rich.console.Console(highlight=False, soft_wrap=False, markup=False, emoji=False)

# Score tables have a last column without a heading for bars and intervals.
_BAR_WIDTH = 20
_WARNING = "Warning:"


def notices(texts: Iterable[str]) -> None:
    """Print what was found in the data without being asked for, warnings last."""
    for text in sorted(texts, key=lambda text: text.startswith(_WARNING)):
        heading, style = (_WARNING, "bold yellow") if text.startswith(_WARNING) else ("Note:", "yellow")
        console.print(rich.text.Text.assemble((heading, style), " ", _printable(text.removeprefix(_WARNING).strip())))


def status(text: str) -> rich.status.Status:
    """A line with a spinner, while something goes on."""
    return console.status(rich.text.Text(_printable(text)))


def rule(text: str) -> None:
    """A heading with a line beside it."""
    console.rule(rich.text.Text(text, style="bold"), align="left")


def print_scores(scores: "ScoreTable", title: str) -> None:
    """Print the scores of an evaluation."""
    table = rich.table.Table(title=title, box=rich.box.SIMPLE_HEAD, title_justify="left")
    first, *numbers = scores.headings
    table.add_column(first)
    for heading in numbers[:1] + [heading for heading in numbers[1:] if heading]:
        table.add_column(heading, justify="right")
    if len(numbers) > 1 and not numbers[-1]:
        table.add_column("", min_width=_BAR_WIDTH)
    for row in scores.details:
        table.add_row(*(rich.text.Text(cell, style="cyan" if "█" in cell else "") for cell in row))
    table.add_section()
    score = [rich.text.Text(cell, style="bold" if place < 2 else "") for place, cell in enumerate(scores.score)]
    table.add_row(*score)
    for row in scores.others:
        table.add_row(*row)
    console.print(table)


def print_facts(*facts: tuple[str, Any]) -> None:
    """Print names and values in two columns. Long values wrap beside their name; paths are never cut."""
    table = rich.table.Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, value if isinstance(value, rich.text.Text) else _printable(str(value)))
    console.print(table)


def progress_bar(*extra_columns: rich.progress.ProgressColumn) -> rich.progress.Progress:
    """A progress bar with the remaining time."""
    return rich.progress.Progress(
        rich.progress.TextColumn("{task.description}", markup=False),
        rich.progress.BarColumn(bar_width=None),
        rich.progress.TaskProgressColumn(),
        *extra_columns,
        rich.progress.TimeRemainingColumn(),
        console=console,
    )


def _printable(text: str) -> str:
    from keras_seg._validation import printable  # Imported late, like all of keras_seg: see `keras_seg_cli`.

    return printable(text)
