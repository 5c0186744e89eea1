"""What a benchmark of exported files has measured, as a table."""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class BenchmarkRow:
    """One file, or the Keras model.

    Attributes:
        name: str. The name of the file, or "Keras"; of a format without a file, its title.
        format: str. As in `ExportReport`; "keras" for the model.
        status: str. "measured", "not exported", "not installed", or why the file cannot be run.
        input_size: (height, width) that it ran at, or None.
        quantize: str or None.
        size_bytes: int or None. On disk; that of the float32 weights for the model.
        mean_iou: float or None. Of the images with masks; None where it is undefined.
        score: float or None. What the function `score` of `benchmark` gives instead; None for NaN.
        agreement: float or None. Share of pixels with the class that Keras predicts, or the classes where they overlap.
        milliseconds: float or None. Median time per image, of calls of one image or of a file's fixed batch.
        memory_bytes: int or None. By how much the memory of a process rises when the file is loaded and run once; None
            where it cannot be measured.
    """

    name: str
    format: str
    status: str
    input_size: tuple[int, int] | None = None
    quantize: str | None = None
    size_bytes: int | None = None
    mean_iou: float | None = None
    score: float | None = None
    agreement: float | None = None
    milliseconds: float | None = None
    memory_bytes: int | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Benchmark:
    """The files of a folder side by side. `str(benchmark)` is a table.

    Attributes:
        images: int. Number of images.
        rows: tuple of `BenchmarkRow`, that of Keras first.
        score_name: str. What the quality of a file is measured by. Defaults to "mean IoU".
    """

    images: int
    rows: tuple[BenchmarkRow, ...]
    score_name: str = "mean IoU"

    @property
    def headings(self) -> tuple[str, ...]:
        """Those of the columns of `cells`."""
        return "file", "precision", "size", "MiB", self.score_name, "same class, %", "ms", "memory, MiB"

    @property
    def cells(self) -> list[tuple[str, ...]]:
        """The rows as text, below `headings`."""
        return [_cells(row) for row in self.rows]

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict."""
        rows = [dataclasses.asdict(row) for row in self.rows]
        return {"images": self.images, "score_name": self.score_name, "rows": rows}

    def __str__(self) -> str:
        lines = [self.headings, *self.cells]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
        return "\n".join([*(row.rstrip() for row in rows), f"{self.images} images."])


def _cells(row: BenchmarkRow) -> tuple[str, ...]:
    precision = row.quantize or ("float32" if row.status == "measured" else "")
    if row.status != "measured":
        return (row.name, precision, row.status, "", "", "", "", "")
    quality = row.mean_iou if row.score is None else row.score
    return (
        row.name,
        precision,
        "" if row.input_size is None else f"{row.input_size[0]}x{row.input_size[1]}",
        "" if row.size_bytes is None else f"{row.size_bytes / 2**20:.2f}",
        "" if quality is None else f"{100 * quality:.1f}",
        "" if row.agreement is None else f"{100 * row.agreement:.2f}",
        "" if row.milliseconds is None else f"{row.milliseconds:.1f}",
        "" if row.memory_bytes is None else f"{row.memory_bytes / 2**20:.0f}",
    )
