"""What every metric that counts pixels has in common: reading, faults, exact totals, merging."""

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._labels.sample_weights import sample_weights
from keras_seg.metrics import exact_counts, predictions
from keras_seg.metrics.fusing import fused


class PixelCounts(keras.metrics.Metric):
    """Base of the metrics that put each pixel into a cell and read their result from the exact numbers of the cells.

    A subclass gives the number of cells, says in `_cells` which one a pixel belongs to, and in `_result_of` what the
    totals come to. Beside the cells stand three more bins: ignored pixels, pixels out of range, pixels with a weight
    other than 0 and 1.
    """

    fewest_classes = 2

    def __init__(
        self, num_classes, *, ignore_class, class_names, out_of_range, name, dtype, threshold=0.5, from_logits=False
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = _validation.integer("num_classes", num_classes, minimum=self.fewest_classes)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        self.class_names = _validation.class_names(class_names, self.num_classes)
        self.out_of_range = _validation.one_of("out_of_range", out_of_range, ("raise", "count"))
        self.threshold = _validation.open_share("threshold", threshold)
        self.from_logits = _validation.boolean("from_logits", from_logits)
        if all(index in self.ignore_class for index in range(self.num_classes)):
            _validation.fail("ignore_class", "must leave a class to judge", self.ignore_class)
        cells = self._number_of_cells()
        self._ignored, self._strays, self._fractional, self._bins = cells, cells + 1, cells + 2, cells + 3
        self._limbs = self.add_variable((2, self._bins), initializer="zeros", dtype="int32", name="limbs")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count the pixels of a batch."""
        y_true, y_pred = reading.tensors(y_true, y_pred)
        weights = None if sample_weight is None else sample_weights(sample_weight, y_pred, "float32")
        counts = self._count(y_true, y_pred, weights)
        if reading.is_concrete(counts):
            self._check(ops.convert_to_numpy(counts), y_true, y_pred)
        self._limbs.assign(exact_counts.add(self._limbs, counts))

    def result(self):
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

    def merge_state(self, metrics):
        """Add the counts of other metrics of the same kind, such as other workers', to this one.

        Args:
            metrics: iterable of metrics that count the same, with this one's `num_classes` and `ignore_class`.

        Raises:
            InputError: when one is not such a metric.
        """
        metrics = list(metrics)
        own = self._counted()
        for other in metrics:
            if not isinstance(other, PixelCounts) or other._counted() != own:
                facts = ", ".join(f"{key}={value}" for key, value in own.items())
                _validation.fail("metrics", f"must hold metrics with {facts}", other)
        totals = self._totals() + sum(other._totals() for other in metrics)
        self._limbs.assign(exact_counts.split(totals))

    @property
    def ignored_pixels(self):
        """How many pixels were ignored, or masked by a sample weight of 0."""
        return int(self._totals()[self._ignored])

    @property
    def out_of_range_pixels(self):
        """How many pixels had a label or prediction that is neither a class nor ignored, or a prediction of NaN.

        So has one channel that leaves [0, 1] without `from_logits`.
        """
        return int(self._totals()[self._strays])

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "ignore_class": list(self.ignore_class) or None,
            "class_names": list(self.class_names),
            "out_of_range": self.out_of_range,
            "threshold": self.threshold,
            "from_logits": self.from_logits,
        }

    def _number_of_cells(self):
        raise NotImplementedError

    def _cells(self, true, predicted):
        """The cell of each pixel, int32 (batch, height, width); both maps are -1 on the pixels that do not count."""
        raise NotImplementedError

    def _result_of(self, cells, xp):
        """What `result` gives for the totals; `xp` is NumPy when their values are known, `keras.ops` in a graph."""
        raise NotImplementedError

    def _counted(self):
        """What two metrics must agree on before their counts may be added."""
        return {"num_classes": self.num_classes, "ignore_class": self.ignore_class, "cells": self._ignored}

    def _count(self, y_true, y_pred, weights):
        """How many pixels of the batch fall into each bin, int32 (bins,)."""
        # In two steps, or XLA would read each pixel again for each neighbor that looks at it.
        return exact_counts.histogram(fused(self._sort, *fused(self._read, y_true, y_pred, weights)), self._bins)

    def _sort(self, true, predicted, fault):
        """The bin of each pixel."""
        return ops.where(fault < 0, self._cells(true, predicted), fault)

    def _read(self, y_true, y_pred, weights):
        """(true, predicted, fault): class ids, -1 on every pixel that does not count, and the bin of these pixels.

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
            # Where() spreads a weight for each image over its pixels.
            fault = ops.where(weights == 1, fault, ops.where(weights == 0, self._ignored, self._fractional))
        counts = fault < 0
        return ops.where(counts, true, -1), ops.where(counts, predicted, -1), fault

    def _totals(self):
        return exact_counts.totals(self._limbs)

    def _check(self, totals, y_true=None, y_pred=None):
        """Raise for counted faults; with the batch at hand the message names them."""
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
            f"or `y_pred` held ids that are neither a class, 0 to {self.num_classes - 1}, nor ignored, or `y_pred` NaN "
            "or, of one channel, no probability",
            f"{strays} such pixels",
            'Pass ignore_class=..., correct the masks, pass from_logits=True for logits, or out_of_range="count".',
        )

    def _name_strays(self, y_true, y_pred):
        true = reading.class_ids(y_true, self.num_classes, self.ignore_class)
        _, stray = reading.partition(true, self.num_classes, self.ignore_class)
        if ops.any(stray):
            reading.fail_on_stray(true, stray, self.num_classes)
        if "int" not in keras.backend.standardize_dtype(y_pred.dtype):
            values = ops.convert_to_numpy(ops.cast(y_pred, "float32"))
            if pixels := np.isnan(values).any(axis=-1).sum():
                fix = 'Find the step that diverged, or pass out_of_range="count" to leave such pixels out.'
                _validation.fail("y_pred", "holds NaN", f"{pixels} pixels with NaN", fix)
            found = [float(values.min()), float(values.max())]
            _validation.fail(
                "y_pred", "must hold probabilities from 0 to 1", found, "For logits pass from_logits=True."
            )
        values = np.unique(ops.convert_to_numpy(y_pred))
        values = [int(value) for value in values if not 0 <= value < self.num_classes]
        _validation.fail("y_pred", f"holds ids outside 0 to {self.num_classes - 1}", values[:8])
