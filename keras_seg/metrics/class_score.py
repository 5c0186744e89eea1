"""What the metrics with one score per class have in common: their result is the mean, or all scores by class name."""

from collections.abc import Sequence
from typing import Any

from keras import ops

from keras_seg import _validation
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics.confusion_matrix import ConfusionMatrix
from keras_seg.metrics.counting_metric import CountingMetric
from keras_seg.metrics.ratios import mean_of_defined


class ClassScore(CountingMetric):
    """Base of the metrics whose result is the mean over the classes or, with `per_class`, a dict by class name.

    Higher is better. Arguments: those of `ConfusionMatrix`, and

    Args:
        per_class: bool. Return the score of each class by name, as {name + "_" + class name: score}, instead of their
            mean. The name of the metric comes first so that the logs of `fit` keep several metrics apart. Defaults to
            False.
    """

    # Read by Keras callbacks such as ModelCheckpoint(mode="auto").
    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: Any = 0.5,
        class_names: Sequence[str] | None = None,
        per_class: bool = False,
        out_of_range: str = "raise",
    ) -> None:
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            threshold=threshold,
            class_names=class_names,
            out_of_range=out_of_range,
        )
        self.per_class = _validation.boolean("per_class", per_class)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "per_class": self.per_class}

    def _mean_or_by_class(self, values: Tensor, xp: Any, *, mean: Tensor = None) -> Tensor | dict[str, Tensor]:
        """The result for the scores of the classes: their mean, unless `mean` is given, or the scores by name."""
        if self.per_class:
            return self._by_class(f"{self.name}_", values)
        mean = mean_of_defined(values, xp) if mean is None else mean
        return ops.convert_to_tensor(mean, dtype=self.dtype)


class MatrixClassScore(ClassScore, ConfusionMatrix):
    """Base of the metrics with one score per class that is read from the confusion matrix.

    A subclass computes the scores in `_class_scores`, NaN for classes that have none.
    """

    def _class_scores(self, matrix: Tensor, xp: Any) -> Tensor:
        raise NotImplementedError

    def _score(self, matrix: Tensor, xp: Any) -> Tensor | dict[str, Tensor]:
        return self._mean_or_by_class(self._class_scores(matrix, xp), xp)
