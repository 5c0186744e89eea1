"""What only `scan_folder` finds."""

from collections.abc import Iterator

from keras_seg.data.diagnosis.collected import Collected
from keras_seg.data.diagnosis.finding import Finding, one_line


def refused_by_scan(collected: Collected) -> Iterator[Finding]:
    """The error that training would stop with."""
    for line in dict.fromkeys(collected.scan_errors.values()):
        yield Finding(
            severity="error",
            code="not-readable",
            message=one_line(line),
            fix="Follow the line: `keras-seg train` would stop with it.",
        )
