"""What every metric that counts pixels has in common: reading, faults, exact totals, merging."""

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._labels.sample_weights import sample_weights
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics import exact_counts, predictions
from keras_seg.metrics.fusing import fused, fused_histogram


class CountingMetric(keras.metrics.Metric):
    """Base of the metrics that assign each pixel to a cell and compute their result from the exact counts of the cells.

    A subclass defines the number of cells, the cell of a pixel (`_cells`) and the result of the counts (`_result_of`).
    Three more bins follow the cells: ignored pixels, pixels out of range, and pixels with a weight other than 0 and 1.
    """

    # A subclass gives the name it has unless the user passes another.
    _default_name: str | None = None
    _fewest_classes = 2
    # Whether the cell of a pixel depends on those around it.
    _looks_at_neighbors = False

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        threshold: float = 0.5,
        class_names: Sequence[str] | None = None,
        out_of_range: str = "raise",
    ) -> None:
        super().__init__(name=self._default_name if name is None else name, dtype=dtype)
        self.num_classes = _validation.integer("num_classes", num_classes, minimum=self._fewest_classes)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        self.class_names = _validation.class_names(class_names, self.num_classes)
        self.out_of_range = _validation.one_of("out_of_range", out_of_range, ("raise", "count"))
        self.threshold: Any = _validation.open_share("threshold", threshold)
        self.from_logits = _validation.boolean("from_logits", from_logits)
        if all(index in self.ignore_class for index in range(self.num_classes)):
            _validation.fail("ignore_class", "must leave a class to evaluate", self.ignore_class)
        cells = self._number_of_cells()
        self._ignored, self._strays, self._fractional, self._bins = cells, cells + 1, cells + 2, cells + 3
        self._limbs = self.add_variable((2, self._bins), initializer="zeros", dtype="int32", name="limbs")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> None:
        """Count the pixels of a batch."""
        y_true, y_pred = reading.tensors(y_true, y_pred)
        weights = None if sample_weight is None else sample_weights(sample_weight, y_pred, "float32")
        counts = self._count(y_true, y_pred, weights)
        if reading.is_concrete(counts):
            self._check(ops.convert_to_numpy(counts), y_true, y_pred)
        self._limbs.assign(exact_counts.add(self._limbs, counts))

    def result(self) -> Any:
        """The metric of all pixels seen so far."""
        limbs = ops.convert_to_tensor(self._limbs)
        if reading.is_concrete(limbs):
            totals = self._totals()
            self._check(totals)
            return self._result_of(totals[: self._ignored], np)
        totals = exact_counts.rounded_totals(limbs)
        faults = totals[self._fractional]
        if self.out_of_range == "raise":
            faults = faults + totals[self._strays]
        return self._result_of(ops.where(faults > 0, float("nan"), totals[: self._ignored]), ops)

    def merge_state(self, metrics: Iterable[keras.metrics.Metric]) -> None:
        """Add the counts of other metrics of the same kind, such as those of other workers, to this one.

        Args:
            metrics: iterable of metrics. They count the same, with the same `num_classes` and `ignore_class`.

        Raises:
            InputError: when one of them does not.
        """
        own, totals = self._counted(), self._totals()
        for other in metrics:
            if not isinstance(other, CountingMetric) or other._counted() != own:
                facts = ", ".join(f"{key}={value}" for key, value in own.items())
                _validation.fail("metrics", f"must hold metrics with {facts}", other)
            totals = totals + other._totals()
        self._limbs.assign(exact_counts.split(totals))

    @property
    def ignored_pixels(self) -> int:
        """How many pixels were ignored, or masked by a sample weight of 0."""
        return int(self._totals()[self._ignored])

    @property
    def out_of_range_pixels(self) -> int:
        """How many pixels had a label or prediction that is neither a class nor ignored, or a prediction of NaN.

        A single channel outside [0, 1] counts among them, unless `from_logits` is set.
        """
        return int(self._totals()[self._strays])

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "ignore_class": list(self.ignore_class) or None,
            "from_logits": self.from_logits,
            "threshold": self.threshold,
            "class_names": list(self.class_names),
            "out_of_range": self.out_of_range,
        }

    @property
    def _unscored_classes(self) -> tuple[int, ...]:
        """Classes without a result."""
        return self.ignore_class

    def _by_class(self, prefix: str, values: Tensor) -> dict[str, Tensor]:
        """{prefix + class name: scalar tensor} of the classes that are not ignored."""
        return {
            prefix + name: ops.convert_to_tensor(values[index], dtype=self.dtype)
            for index, name in enumerate(self.class_names)
            if index not in self._unscored_classes
        }

    def _number_of_cells(self) -> int:
        raise NotImplementedError

    def _cells(self, true: Tensor, predicted: Tensor) -> Tensor:
        """The cell of each pixel, int32 (batch, height, width); both maps are -1 on the pixels that do not count."""
        raise NotImplementedError

    def _result_of(self, cells: Tensor, xp: Any) -> Any:
        """The result for these counts; `xp` is NumPy when their values are known, `keras.ops` in a graph."""
        raise NotImplementedError

    def _counted(self) -> dict[str, Any]:
        """What two metrics must agree on before their counts may be added."""
        return {"num_classes": self.num_classes, "ignore_class": self.ignore_class, "cells": self._ignored}

    def _count(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        """How many pixels of the batch fall into each bin, int32 (bins,)."""
        if not self._looks_at_neighbors:
            return fused_histogram(self._read_and_sort, y_true, y_pred, weights, bins=self._bins)
        # In two steps, or XLA would read each pixel again for each neighbor that looks at it.
        return exact_counts.histogram(fused(self._sort, *fused(self._read, y_true, y_pred, weights)), self._bins)

    def _read_and_sort(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        return self._sort(*self._read(y_true, y_pred, weights))

    def _sort(self, true: Tensor, predicted: Tensor, fault: Tensor) -> Tensor:
        """The bin of each pixel."""
        return ops.where(fault < 0, self._cells(true, predicted), fault)

    def _read(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(true, predicted, fault): class ids, -1 on every pixel that does not count; and the bin of those pixels.

        `fault` is -1 on the pixels that count.
        """
        predicted = predictions.predicted_ids(y_pred, self.num_classes, self.threshold, from_logits=self.from_logits)
        true = reading.class_ids(y_true, self.num_classes, self.ignore_class)
        reading.check_sizes(y_true, y_pred)
        valid, stray = reading.partition(true, self.num_classes, self.ignore_class)
        wrong = ops.logical_and(valid, ops.logical_or(predicted < 0, predicted >= self.num_classes))
        fault = ops.where(valid, -1, self._ignored)
        fault = ops.where(ops.logical_or(stray, wrong), self._strays, fault)
        if weights is not None:
            # `where` broadcasts per-image weights over the pixels.
            fault = ops.where(weights == 1, fault, ops.where(weights == 0, self._ignored, self._fractional))
        counts = fault < 0
        return ops.where(counts, true, -1), ops.where(counts, predicted, -1), fault

    def _totals(self) -> np.ndarray:
        return exact_counts.totals(self._limbs)

    def _check(self, totals: np.ndarray, y_true: Tensor = None, y_pred: Tensor = None) -> None:
        """Raise an error for counted faults, which names them if the batch is given."""
        fractional, strays = int(totals[self._fractional]), int(totals[self._strays])
        if fractional:
            _validation.fail(
                "sample_weight",
                "must be a mask of zeros and ones, because pixels are counted in integers",
                f"{fractional} pixels with another weight",
                "Pass this metric in metrics= rather than weighted_metrics=.",
            )
        if not strays or self.out_of_range == "count":
            return
        if y_true is not None:
            self._name_strays(y_true, y_pred)
        _validation.fail(
            "y_true",
            f"or `y_pred` held ids that are neither a class, 0 to {self.num_classes - 1}, nor ignored; or `y_pred` "
            "held NaN, or a single channel outside [0, 1]",
            f"{strays} such pixels",
            'Pass ignore_class=..., correct the masks, pass from_logits=True for logits, or out_of_range="count".',
        )

    def _name_strays(self, y_true: Tensor, y_pred: Tensor) -> None:
        true = reading.class_ids(y_true, self.num_classes, self.ignore_class)
        _, stray = reading.partition(true, self.num_classes, self.ignore_class)
        if ops.any(stray):
            reading.fail_on_stray(true, stray, self.num_classes)
        if "int" not in keras.backend.standardize_dtype(y_pred.dtype):
            values = ops.convert_to_numpy(ops.cast(y_pred, "float32"))
            fail_on_nan(values)
            found = [float(values.min()), float(values.max())]
            _validation.fail(
                "y_pred", "must hold probabilities from 0 to 1", found, "For logits pass from_logits=True."
            )
        values = np.unique(ops.convert_to_numpy(y_pred))
        values = [int(value) for value in values if not 0 <= value < self.num_classes]
        _validation.fail("y_pred", f"holds ids outside 0 to {self.num_classes - 1}", values[:8])


def fail_on_nan(y_pred: np.ndarray) -> None:
    """The error for NaN among predictions (batch, height, width, channels), if there is any."""
    pixels = np.isnan(y_pred).any(axis=-1).sum()
    if pixels:
        fix = 'Find the step that diverged, or pass out_of_range="count" to leave such pixels out.'
        _validation.fail("y_pred", "holds NaN", f"{pixels} pixels with NaN", fix)
