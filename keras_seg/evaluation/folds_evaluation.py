"""Scores out of fold, of any task."""

import dataclasses
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.evaluation.compare import AnyEvaluation
from keras_seg.evaluation.postprocessing_choice import PostprocessingChoice
from keras_seg.evaluation.score_interval import ends_of, score_key
from keras_seg.evaluation.threshold_choice import ThresholdChoice
from keras_seg.metrics import Interval
from keras_seg.metrics.ratios import defined


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoldsEvaluation:
    """Scores over all folds.

    Attributes:
        evaluation: the evaluation of all images, each predicted by the model that was not trained on it: an
            `Evaluation`, `MultiLabelEvaluation`, `InstanceEvaluation` or `BoundaryEvaluation`. Its images are those of
            the first fold, then those of the second, and so on.
        folds: tuple of the same, one per fold.
        interval: `metrics.Interval` of the score of all images. Bootstrap samples draw images, or groups of images
            where the indices have groups.
        iou: float array (classes, 3). IoU of each class, low and high end of its interval; NaN for a class that is
            ignored or occurs nowhere. Tasks without classes have no rows.
        choice: `PostprocessingChoice` or `ThresholdChoice` on all images, which the scores follow; None where it was
            not asked for, or there are too few images.
    """

    evaluation: AnyEvaluation
    folds: tuple[AnyEvaluation, ...]
    interval: Interval
    iou: np.ndarray
    choice: PostprocessingChoice | ThresholdChoice | None

    @property
    def score(self) -> float:
        """The score of all images that ranks models, such as the mean IoU."""
        return self.evaluation.score

    @property
    def mean_iou(self) -> Interval:
        """`metrics.Interval`. `interval`, where the score is a mean IoU.

        Raises:
            InputError: it is another score.
        """
        if self._key != "mean_iou":
            raise InputError(f"`mean_iou`: these folds have the {self.evaluation.score_name}. Use `interval`.")
        return self.interval

    @property
    def thresholds(self) -> ThresholdChoice | None:
        """`ThresholdChoice`, or None where none were to be chosen."""
        return self.choice if isinstance(self.choice, ThresholdChoice) else None

    @property
    def decoding(self) -> dict[str, Any]:
        """dict. The decoding settings that the scores follow; empty for the defaults."""
        return {} if self.choice is None else self.choice.decoding

    def to_dict(self) -> dict[str, Any]:
        """All results as a JSON-ready dict; None for a class that is ignored or occurs nowhere."""
        results = {
            **self.evaluation.to_dict(),
            f"{self._key}_interval": ends_of(self.interval),
            "folds": [{"images": fold.images, self._key: defined(fold.score)} for fold in self.folds],
        }
        if "iou" in results:
            rows = zip(results["iou"], self.iou, strict=True)
            results["iou_intervals"] = {
                name: row[1:].tolist() if np.isfinite(row).all() else None for name, row in rows
            }
        if self.thresholds is not None:
            results["thresholds"] = self.thresholds.to_dict()
        return results

    @property
    def _key(self) -> str:
        return score_key(self.evaluation.score_name)
