"""What a page is made of. `write_page` lays it out."""

import dataclasses
from typing import ClassVar

from markupsafe import Markup

from keras_seg import _files
from keras_seg._page.render import rendered
from keras_seg._types import PathLike


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """A cell of a table that shows more than text.

    Args:
        text: str.
        bar: float in [0, 1], or None. Length of a bar beside the text.
        ends: pair of floats in [0, 1], or None. The interval on the bar.
        color: str, such as "#4080ff", or None. A patch of color before the text.
        shade: float in [0, 1]. How strongly the cell is colored.
        bold: bool.
    """

    text: str
    bar: float | None = None
    ends: tuple[float, float] | None = None
    color: str | None = None
    shade: float = 0.0
    bold: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str
    soft: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Code:
    """Commands to copy, one per line."""

    kind: ClassVar[str] = "code"
    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notes:
    """Findings, each with its severity: "error", "warning" or "note"."""

    kind: ClassVar[str] = "notes"
    items: tuple[tuple[str, str], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text or `Cell`s. The first column names the row.

    Args:
        caption: str. What the table shows, for a screen reader and above the table.
        headings: tuple of str.
        rows: tuple of tuples of str or `Cell`.
        numbers: tuple of int. Columns aligned to the right.
        square: bool. Whether all columns but the first are narrow, as in a matrix.
        folded: bool. Whether the table opens on a click.
    """

    kind: ClassVar[str] = "table"
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple["str | Cell", ...], ...]
    numbers: tuple[int, ...] = ()
    square: bool = False
    folded: bool = False

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows, with all texts as cells."""
        return tuple(tuple(item if isinstance(item, Cell) else Cell(text=item) for item in row) for row in self.rows)

    @property
    def drawn(self) -> bool:
        """Whether a cell has a bar, for which the table takes the whole width."""
        return any(item.bar is not None for row in self.cells for item in row)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Charts:
    """Charts side by side where there is room. Each has its numbers in a table below it.

    Args:
        items: tuple of (SVG, table).
    """

    kind: ClassVar[str] = "charts"
    items: tuple[tuple[Markup, Table], ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """A picture as an address that holds it, with its title and a description for those who do not see it."""

    source: str
    title: str
    alt: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PictureRow:
    """Pictures of one image, which open together at full size."""

    title: str
    text: str
    pictures: tuple[Picture, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pictures:
    """Rows of pictures, with a legend of (color, name)."""

    kind: ClassVar[str] = "pictures"
    rows: tuple[PictureRow, ...]
    legend: tuple[tuple[str, str], ...] = ()


Block = Text | Code | Notes | Table | Charts | Pictures


@dataclasses.dataclass(frozen=True, kw_only=True)
class Section:
    """A title with blocks below it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The title as the name of a place in the page."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """A page.

    Args:
        title: str.
        lead: str. The summary, in a sentence or two.
        facts: tuple of (large value, what it is).
        sections: tuple of `Section`.
        footer: str.
    """

    title: str
    lead: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    footer: str

    def html(self) -> str:
        """The page as text."""
        return rendered('{% extends "page.html" %}', page=self)


def write_page(page: Page, path: PathLike) -> None:
    """Write a page completely or not at all, replacing an existing file."""
    _files.write_text(path, page.html())
