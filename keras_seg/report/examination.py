"""What a pass over validation images found, as sections of a page."""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_seg._page.blocks import Section
from keras_seg._text import counted
from keras_seg.metrics.bootstrap import draw_images, interval_of

# What was tuned for a model, such as decoding.json of its run.
Settings = Mapping[str, Any] | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examination:
    """The sections of a report that need predictions.

    Args:
        images: int. Number of images that were examined.
        total: int. Number of images there are.
        data: str. The path of their folder.
        seconds: float. What the examination took.
        summary: str. A sentence on the result.
        facts: tuple of (value, what it is). The numbers at the top of the page.
        sections: tuple of sections.
    """

    images: int
    total: int
    data: str
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


def interval_over_images(counts: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> str:
    """The 95 % bootstrap interval of a score of counts that add up over images, in brackets; empty for one image.

    Args:
        counts: float array (images, counts).
        score: function of sums (samples, counts) that gives the scores (samples,).
    """
    if len(counts) == 1:
        return ""
    sums = draw_images(len(counts), 1000, 0, 0.95) @ counts
    interval = interval_of(float(score(counts.sum(axis=0, keepdims=True))[0]), score(sums), 0.95)
    return f" (95 % interval {points(interval.low)} to {points(interval.high)})"


def passed(shown: Any, index: Any, began: float) -> dict[str, Any]:
    """What `Examination` says of the pass itself: over `shown`, of the images of `index`, since `began`."""
    seconds = time.perf_counter() - began
    return {"images": len(shown), "total": len(index), "data": index.path, "seconds": seconds}


def examined(index: Any, most: int) -> Any:
    """An index of at most `most` images, evenly spread."""
    return index if len(index) <= most else index.sample(most)


def points(value: float | None) -> str:
    """A share as a number of percent with one decimal; "absent" for none."""
    return "absent" if value is None or not np.isfinite(value) else f"{100 * value:.1f}"
