"""The metrics of segmentation_models 1.0.1: functions of one batch, whose values `fit` averages over batches.

`keras_seg.metrics` counts over the whole data set instead, which is what papers report.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_seg.compat.segmentation_models import _scores
from keras_seg.compat.segmentation_models._scores import SMOOTH, Counts

_register = keras.saving.register_keras_serializable("keras_seg.compat")


class Metric:
    """A score of truth and prediction, (batch, height, width, classes): masks of 0 and 1, and probabilities.

    Args:
        class_weights: sequence of float, per class. Defaults to None.
        class_indexes: int or sequence of int. The classes that count. Defaults to None, for all.
        threshold: float. Predictions above it count as 1, others as 0. Defaults to None, for soft counts.
        per_image: bool. The mean over images instead of counts over the batch. Defaults to False.
        smooth: float. Defaults to 1e-5.
        name: str. Defaults to None, for the name of the score.
    """

    _name = "metric"
    # Of the counts and `smooth`.
    _formula: Callable[[Counts, float], Any]

    def __init__(
        self,
        class_weights: Sequence[float] | None = None,
        class_indexes: int | Sequence[int] | None = None,
        threshold: float | None = None,
        per_image: bool = False,
        smooth: float = SMOOTH,
        name: str | None = None,
    ) -> None:
        self.class_weights = _scores.plain(class_weights)
        self.class_indexes = _scores.plain(class_indexes)
        self.threshold = threshold
        self.per_image = per_image
        self.smooth = smooth
        self.name = name or self._name

    @property
    def __name__(self) -> str:
        """The name, as of a function."""
        return self.name

    def __call__(self, gt: Any, pr: Any) -> Any:
        """The score of a batch, a scalar."""
        indices, per_image = self.class_indexes, self.per_image
        counts = Counts(gt, pr, class_indexes=indices, per_image=per_image, threshold=self.threshold)
        return _scores.averaged(self._score(counts), per_image=per_image, class_weights=self.class_weights)

    def _score(self, counts: Counts) -> Any:
        return self._formula(counts, self.smooth)

    def get_config(self) -> dict[str, Any]:
        """The settings."""
        return dict(vars(self))

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Metric":
        """The metric of a configuration."""
        return cls(**config)


def _metric(name: str, formula: Callable[[Counts, float], Any]) -> Callable[[type[Metric]], type[Metric]]:
    """Register a metric that is one formula of the counts and `smooth`."""

    def registered(cls: type[Metric]) -> type[Metric]:
        cls._name, cls._formula = name, staticmethod(formula)
        return _register(cls)

    return registered


@_metric("iou_score", _scores.iou)
class IOUScore(Metric):
    """Intersection over union. The arguments are those of `Metric`."""


@_register
class FScore(Metric):
    """The F score, or Dice coefficient.

    Args:
        beta: float. The weight of recall. Defaults to 1.
        *args, **settings: as of `Metric`; the name is "f1-score" if beta is 1.
    """

    _name = "f-score"

    def __init__(self, beta: float = 1, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.beta = beta
        if self.name == self._name:
            self.name = f"f{beta}-score"

    def _score(self, counts: Counts) -> Any:
        return _scores.f_score(counts, self.smooth, self.beta)


@_metric("precision", _scores.precision)
class Precision(Metric):
    """The share of the predicted pixels that is right. The arguments are those of `Metric`."""


@_metric("recall", _scores.recall)
class Recall(Metric):
    """The share of the true pixels that is found. The arguments are those of `Metric`."""


iou_score = IOUScore()
f1_score = FScore(beta=1)
f2_score = FScore(beta=2)
precision = Precision()
recall = Recall()
