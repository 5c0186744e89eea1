"""Which postprocessing helps, in numbers and as a table."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_seg.inference import Postprocessing
from keras_seg.metrics import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostprocessingTrial:
    """One step for one class, and what it changes.

    Attributes:
        class_name: str.
        postprocessing: `inference.Postprocessing` of this step alone.
        changed: int. Images whose prediction it changes.
        mean_iou: `metrics.Interval` of the gain in mean IoU, paired by images. Its level is that of the choice.
        verdict: "taken"; "helps" where another step was taken in its place; "unclear" where the interval holds 0 or too
            few images change; "harms".
    """

    class_name: str
    postprocessing: Postprocessing
    changed: int
    mean_iou: Interval
    verdict: str

    @property
    def step(self) -> str:
        """The step in words, without the class."""
        return self.postprocessing.describe().partition(": ")[2]

    def to_dict(self) -> dict[str, Any]:
        """The attributes as a JSON-ready dict."""
        return {
            "class": self.class_name,
            "step": self.step,
            "changed": self.changed,
            "mean_iou": [self.mean_iou.value, self.mean_iou.low, self.mean_iou.high],
            "verdict": self.verdict,
        }


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostprocessingChoice:
    """The postprocessing that helps on validation images. `str(choice)` is a table.

    Attributes:
        postprocessing: `inference.Postprocessing`. Empty when nothing helps.
        trials: tuple of `PostprocessingTrial`. Every step that changes a prediction.
        class_names: tuple of str.
        images: int. Number of images.
        level: float. The level of the trials' intervals, corrected for their number.
        mean_iou: float. Without postprocessing.
        gain: `metrics.Interval` of the gain in mean IoU of all steps that are taken, at the level that was asked for;
            None when none is. It is measured on the images that the steps were chosen on.
    """

    postprocessing: Postprocessing
    trials: tuple[PostprocessingTrial, ...]
    class_names: tuple[str, ...]
    images: int
    level: float
    mean_iou: float
    gain: Interval | None

    @property
    def score(self) -> float:
        """The mean IoU with the chosen postprocessing."""
        return self.mean_iou + (self.gain.value if self.gain else 0.0)

    @property
    def decoding(self) -> dict[str, Any]:
        """dict. The decoding settings of a run, which `decoding.json` holds."""
        return {"postprocessing": self.to_dict()}

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict."""
        return {
            "chosen": self.postprocessing.to_dict(),
            "images": self.images,
            "level": self.level,
            "mean_iou": self.mean_iou,
            "gain": None if self.gain is None else [self.gain.value, self.gain.low, self.gain.high],
            "trials": [trial.to_dict() for trial in self.trials],
        }

    def __str__(self) -> str:
        lines = [("class", "step", "images", "gain", f"{100 * self.level:.4g} %", "")]
        for trial in sorted(self.trials, key=lambda trial: -trial.mean_iou.value):
            value, low, high = (
                f"{100 * number:+.2f}" for number in (trial.mean_iou.value, trial.mean_iou.low, trial.mean_iou.high)
            )
            lines.append((trial.class_name, trial.step, str(trial.changed), value, f"{low} to {high}", trial.verdict))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        table = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
        chosen = self.postprocessing.describe(self.class_names) or "nothing"
        ends = "" if self.gain is None else f" Mean IoU {100 * self.mean_iou:.1f} to {100 * self.score:.1f}."
        return "\n".join([*(line.rstrip() for line in table), f"Chosen on {self.images} images: {chosen}.{ends}"])


def chosen_postprocessing(settings: Mapping[str, Any] | None) -> Postprocessing:
    """The postprocessing in the decoding settings of a run, whose "postprocessing" is a `PostprocessingChoice.to_dict`.

    It does nothing where the settings hold none.
    """
    found = (settings or {}).get("postprocessing") or {}
    return Postprocessing.from_dict(found.get("chosen") or {})
