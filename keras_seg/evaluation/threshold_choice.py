"""Whether thresholds other than the defaults help, in numbers and as a sentence."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from keras_seg._text import counted
from keras_seg.metrics import Interval


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdChoice:
    """The thresholds that help on images out of fold. `str(choice)` is a sentence.

    Attributes:
        settings: dict. The thresholds that are taken, as the decoding of the task names them; empty for the defaults.
        best: dict. The thresholds that score best on all images.
        gain: `metrics.Interval` of what such thresholds add to the score: those of each fold are chosen on the images
            of the other folds, and compared with the defaults, paired by images.
        changed: int. Images, or groups of images, that they change.
        images: int. Number of images.
    """

    settings: dict[str, Any]
    best: dict[str, Any]
    gain: Interval
    changed: int
    images: int

    @property
    def decoding(self) -> dict[str, Any]:
        """dict. The decoding settings of a run, which `decoding.json` holds."""
        return dict(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict."""
        return {
            "chosen": self.settings,
            "best": self.best,
            "gain": [self.gain.value, self.gain.low, self.gain.high],
            "changed": self.changed,
            "images": self.images,
        }

    def __str__(self) -> str:
        return threshold_sentence(self.to_dict())


def threshold_sentence(found: Mapping[str, Any]) -> str:
    """A `ThresholdChoice.to_dict` in words."""
    value, low, high = (f"{100 * number:+.2f}" for number in found["gain"])
    gain = f"change the score by {value} points (95 % interval {low} to {high}, {counted(found['images'], 'image')})"
    if found["chosen"]:
        names = ", ".join(f"{name.replace('_', ' ')} {setting:g}" for name, setting in found["chosen"].items())
        return f"{names}. Thresholds that are chosen on the other folds {gain}."
    return f"the defaults. Thresholds that are chosen on the other folds {gain}, which may be chance."
