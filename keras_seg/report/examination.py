"""What a pass over validation images found, as sections of a page."""

import dataclasses
from typing import Any

import numpy as np

from keras_seg._page.blocks import Section


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examination:
    """The sections of a report that need predictions.

    Args:
        images: int. Number of images that were examined.
        total: int. Number of images there are.
        seconds: float. What the examination took.
        summary: str. A sentence on the result.
        facts: tuple of (value, what it is). The numbers at the top of the page.
        sections: tuple of sections.
    """

    images: int
    total: int
    seconds: float
    summary: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]

    @property
    def cost(self) -> str:
        """How many images were examined, and how long it took, in a sentence."""
        some = "" if self.images == self.total else ", evenly spread"
        return (
            f"{self.images} of {counted(self.total, 'validation image')} were examined{some}, "
            f"in {self.seconds:.1f} seconds."
        )


def examined(index: Any, most: int) -> Any:
    """An index of at most `most` images, evenly spread."""
    return index if len(index) <= most else index.sample(most)


def points(value: float | None) -> str:
    """A share as a number of percent with one decimal; "absent" for none."""
    return "absent" if value is None or not np.isfinite(value) else f"{100 * value:.1f}"


def counted(count: int, name: str) -> str:
    """A number with its noun."""
    return f"{count:,} {name}" if count == 1 else f"{count:,} {name}s"
