"""The gain of test-time augmentation, in numbers and as a table."""

import dataclasses
import textwrap
from typing import Any

from keras_seg.metrics import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class TTAGain:
    """The gain of a product of transforms over the plain model.

    Attributes:
        transforms: tuple, as for `TestTimeAugmentation`.
        passes: int. Includes the plain one.
        mean_iou: `metrics.Interval` of the gain in mean IoU, paired by images.
        boundary_iou: the same of `metrics.BoundaryIoU`.
        time_ratio: float. Median over batches of its time divided by that of the plain model.
        verdict: "helps", "unclear" or "harms"; see `tta_report`.
    """

    transforms: tuple[Any, ...]
    passes: int
    mean_iou: Interval
    boundary_iou: Interval
    time_ratio: float
    verdict: str

    @property
    def name(self) -> str:
        """The transforms in words."""
        return " x ".join(map(str, self.transforms))

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a JSON-ready dict."""
        return {
            "name": self.name,
            "passes": self.passes,
            "mean_iou": _ends(self.mean_iou),
            "boundary_iou": _ends(self.boundary_iou),
            "time_ratio": self.time_ratio,
            "verdict": self.verdict,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class TTAReport:
    """The gains and costs of test-time augmentation. `str(report)` is a table.

    Attributes:
        images: int. Number of images.
        mean_iou: float. Mean IoU of the plain model.
        boundary_iou: float. Boundary IoU of the plain model.
        merge: str.
        alone: tuple of `TTAGain`. Each transform alone, added to the plain image.
        together: `TTAGain` of the product of all, or None if that has more than `max_passes`.
        recommended: tuple. The transforms that help, to be passed to `TestTimeAugmentation`; empty when none does.
        recommended_gain: `TTAGain` of their product, or None when there are none.
    """

    images: int
    mean_iou: float
    boundary_iou: float
    merge: str
    alone: tuple[TTAGain, ...]
    together: TTAGain | None
    recommended: tuple[Any, ...]
    recommended_gain: TTAGain | None

    @property
    def score(self) -> float:
        """The mean IoU with the recommended transforms."""
        return self.mean_iou + (self.recommended_gain.mean_iou.value if self.recommended_gain else 0.0)

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict."""
        return {
            "images": self.images,
            "mean_iou": self.mean_iou,
            "boundary_iou": self.boundary_iou,
            "merge": self.merge,
            "alone": [gain.to_dict() for gain in self.alone],
            "together": self.together and self.together.to_dict(),
            "recommended": [str(item) for item in self.recommended],
            "recommended_gain": self.recommended_gain and self.recommended_gain.to_dict(),
        }

    def __str__(self) -> str:
        products = {"all": self.together, "recommended": self.recommended_gain}
        if self.together in self.alone:
            del products["all"]
        products = {label: gain for label, gain in products.items() if gain is not None}
        lines = [("", "time", "mean IoU", "boundary IoU", "")]
        plain = (f"{100 * self.mean_iou:.2f}", f"{100 * self.boundary_iou:.2f}")
        lines.append(("plain", "1.0", *plain, ""))
        lines += [_line(gain, gain.name) for gain in self.alone]
        lines += [_line(gain, label) for label, gain in products.items()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        rows = ["  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) for line in lines]
        # Names of products are too long for a table of 80 columns.
        notes = [f"{label}: {gain.name}, {gain.passes} passes." for label, gain in products.items()]
        level = f"{100 * self.alone[0].mean_iou.level:g} %" if self.alone else ""
        notes.append(f"{self.images} images; gains in points with their paired {level} interval; merge {self.merge}.")
        if not self.recommended:
            notes.append("No transform is shown to help: predict without.")
        return "\n".join(
            [*(row.rstrip() for row in rows), *(line for note in notes for line in textwrap.wrap(note, 80))]
        )


def _ends(interval: Interval) -> dict[str, float]:
    return {"gain": interval.value, "low": interval.low, "high": interval.high}


def _line(gain: TTAGain, name: str) -> tuple[str, ...]:
    def points(interval: Interval) -> str:
        return f"{100 * interval.value:+.2f} ({100 * interval.low:+.2f}, {100 * interval.high:+.2f})"

    ends = (points(gain.mean_iou), points(gain.boundary_iou))
    return (name, f"{gain.time_ratio:.1f}", *ends, gain.verdict)
