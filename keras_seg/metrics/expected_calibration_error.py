"""How far confidence and accuracy are apart."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.metrics.counting_metric import CountingMetric
from keras_seg.metrics.fusing import fused_histogram
from keras_seg.metrics.multi_label import check_probabilities

# Steps in which the confidence is measured inside a bin. Counting steps keeps everything an integer; with 15 bins a
# confidence is off by at most 1 / (2 * 15 * 1024) = 0.00003, and the two ends of a bin are exact.
_STEPS = 1024


@keras.saving.register_keras_serializable("keras_seg")
class ExpectedCalibrationError(CountingMetric):
    """Expected calibration error of all pixels seen so far: how far confidence and accuracy are apart.

    The confidence of a pixel is the probability of its predicted class. Pixels are put into `bins` equal bins of
    confidence, `((m - 1) / bins, m / bins]`, and `ECE = sum_m n_m / n |accuracy_m - confidence_m|` with the means of
    the pixels of a bin. 0 is best. Empty bins have no weight; without any pixel it is NaN.

    Args:
        num_classes: int >= 2.
        from_logits: bool. `y_pred` holds logits; the confidence is taken from their softmax, or from the sigmoid of one
            channel. Defaults to False.
        bins: int >= 1. Defaults to 15.

    Other arguments: those of `ConfusionMatrix`, without `threshold`. `name` defaults to "expected_calibration_error".

    Call arguments:
        y_true, sample_weight: as for `ConfusionMatrix`.
        y_pred: probabilities (batch, height, width, classes), or logits; or, for two classes, probabilities of class 1
            (batch, height, width, 1). Values outside [0, 1] are an error: at once in eager execution, in a graph when
            the result is read.

    Returns:
        `result()`: a scalar tensor.

    Raises:
        InputError: for arguments, shapes, labels, probabilities or weights that do not fit.

    Examples:
        >>> import numpy as np
        >>> metric = ExpectedCalibrationError(num_classes=2, bins=10)
        >>> metric.update_state(np.array([[[0, 1, 1, 1]]]), np.array([[[[0.75, 0.25]] * 4]]))
        >>> float(metric.result())  # 75 % sure, one in four right
        0.5

    Reference:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 2.
    """

    _default_name = "expected_calibration_error"
    # Read by Keras callbacks such as ModelCheckpoint(mode="auto").
    _direction = "down"

    def __init__(
        self,
        num_classes: int,
        *,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: IgnoreClass = None,
        from_logits: bool = False,
        class_names: Sequence[str] | None = None,
        bins: int = 15,
        out_of_range: str = "raise",
    ) -> None:
        self.bins = _validation.integer("bins", bins)
        super().__init__(
            num_classes,
            name=name,
            dtype=dtype,
            ignore_class=ignore_class,
            from_logits=from_logits,
            class_names=class_names,
            out_of_range=out_of_range,
        )

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        config = {**super().get_config(), "bins": self.bins}
        del config["threshold"]
        return config

    def diagram(self) -> dict[str, np.ndarray]:
        """The numbers of a reliability diagram.

        Returns:
            A dict of NumPy arrays (bins,): "confidence" and "accuracy", the means of the pixels of each bin, NaN where
            there are none, and "pixels", int64.
        """
        pixels, right, confidence = self._of_bins(self._totals()[: self._ignored], np)
        with np.errstate(invalid="ignore"):
            return {"confidence": confidence / pixels, "accuracy": right / pixels, "pixels": pixels}

    def _number_of_cells(self) -> int:
        return 2 * self.bins * (_STEPS + 1)

    def _counted(self) -> dict[str, Any]:
        return {**super()._counted(), "bins": self.bins}

    def _count(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        allowed = (self.num_classes,) if self.num_classes > 2 else (1, 2)
        floating = "float" in keras.backend.standardize_dtype(y_pred.dtype)
        if len(y_pred.shape) != 4 or y_pred.shape[-1] not in allowed or not floating:
            rule = f"must be probabilities (batch, height, width, {self.num_classes}), as class ids have no confidence"
            _validation.fail("y_pred", rule, (tuple(y_pred.shape), str(y_pred.dtype)))
        if not self.from_logits and reading.is_concrete(y_pred):
            check_probabilities(y_pred)
        return fused_histogram(self._sort_confidence, y_true, y_pred, weights, bins=self._bins)

    def _sort_confidence(self, y_true: Tensor, y_pred: Tensor, weights: Tensor) -> Tensor:
        true, predicted, fault = self._read(y_true, y_pred, weights)
        confidence = ops.max(ops.cast(y_pred, "float32"), axis=-1)
        if self.from_logits and y_pred.shape[-1] == 1:
            confidence = ops.sigmoid(ops.abs(confidence))
        elif self.from_logits:
            spread = ops.exp(ops.cast(y_pred, "float32") - ops.expand_dims(confidence, -1))
            confidence = 1 / ops.sum(spread, axis=-1)
        elif y_pred.shape[-1] == 1:
            confidence = ops.maximum(confidence, 1 - confidence)
        place = confidence * self.bins
        index = ops.clip(ops.ceil(place) - 1, 0, self.bins - 1)
        step = ops.clip(ops.round((place - index) * _STEPS), 0, _STEPS)
        cell = ops.cast(index * (_STEPS + 1) + step, "int32") * 2 + ops.cast(predicted == true, "int32")
        none = ops.logical_not(ops.logical_and(confidence >= 0, confidence <= 1 + reading.PROBABILITY_SLACK))
        fault = ops.where(ops.logical_and(fault < 0, none), self._strays, fault)
        return ops.where(fault < 0, cell, fault)

    def _of_bins(self, cells: Tensor, xp: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Per bin: all pixels, those that are right, and the sum of the confidences."""
        cells = xp.reshape(cells, (self.bins, _STEPS + 1, 2))
        steps = xp.sum(cells, axis=-1)
        values = (np.arange(self.bins)[:, None] + np.arange(_STEPS + 1) / _STEPS) / self.bins
        values = values if xp is np else xp.cast(values, "float32")
        return xp.sum(steps, axis=1), xp.sum(cells[..., 1], axis=1), xp.sum(steps * values, axis=1)

    def _result_of(self, cells: Tensor, xp: Any) -> Any:
        pixels, right, confidence = self._of_bins(cells, xp)
        total = xp.sum(pixels)
        error = xp.sum(xp.abs(right - confidence))
        value = xp.where(total == 0, float("nan"), error / xp.where(total == 0, xp.ones_like(total), total))
        return ops.convert_to_tensor(value, dtype=self.dtype)
