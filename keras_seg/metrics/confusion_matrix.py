"""The streaming confusion matrix that every overlap metric is read from."""

from typing import Any

import keras
import numpy as np

from keras_seg._types import Tensor
from keras_seg.metrics.counting_metric import CountingMetric


@keras.saving.register_keras_serializable("keras_seg")
class ConfusionMatrix(CountingMetric):
    """The confusion matrix hist[true, predicted] of all pixels seen so far, in exact integers.

    Counts stay exact to 2^55 pixels on every backend. Pixels whose true label is ignored are excluded. An ignored class
    predicted on a pixel that counts is an error of the true class: it stays in the matrix, in the column of the ignored
    class.

    Labels that are neither a class nor ignored, predicted ids that are not a class and NaN predictions are never
    dropped silently. With `out_of_range="raise"`, executed eagerly, `update_state` raises an error that names them; in
    a compiled `fit` or `evaluate`, where nothing can be raised, they are counted, the running result is NaN, and
    `result()`, which Keras calls outside the graph when an epoch or `evaluate` ends, raises an error with their number.
    With `"count"` these pixels are excluded, and `out_of_range_pixels` is their number.

    Args:
        num_classes: int >= 2.
        name: None or str. Name of the metric. Defaults to None, for the name of its class, here "confusion_matrix".
        dtype: dtype of results other than counts. Defaults to None, for `keras.config.floatx()`.
        ignore_class: None, int or sequence of int. Labels of pixels to exclude, inside or outside the range of the
            classes. Defaults to None.
        from_logits: bool. Whether a `y_pred` of one channel holds logits, compared with the logit of `threshold`. The
            largest of several channels is the same either way. Defaults to False.
        threshold: float in (0, 1). A pixel is of class 1 when its probability exceeds it; for a `y_pred` of one
            channel. Defaults to 0.5.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: "raise" or "count". Defaults to "raise".

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot labels (batch, height, width,
            classes).
        y_pred: probabilities or logits (batch, height, width, classes); or class ids (batch, height, width) of an
            integer type, or bool; or, for two classes, probabilities of class 1 (batch, height, width, 1).
        sample_weight: None or a mask of zeros and ones, (batch,), (batch, height, width) or (batch, height, width, 1).
            The counts are integers, so other weights are an error.

    Returns:
        `result()`: the counts, a NumPy int64 array (classes, classes). Inside a compiled graph a float32 tensor,
        rounded above 2^24. In `compile(metrics=...)` use the metrics whose results are numbers.

    Raises:
        InputError: for arguments, shapes, labels, predictions or weights that do not fit.

    Examples:
        >>> import numpy as np
        >>> metric = ConfusionMatrix(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 255]]]), np.array([[[0, 1, 1, 1]]]))
        >>> metric.result()
        array([[1, 1],
               [0, 1]])
    """

    _default_name = "confusion_matrix"

    @property
    def matrix(self) -> np.ndarray:
        """The counts so far, NumPy int64 (classes, classes); without the checks of `result`."""
        return self._totals()[: self._ignored].reshape(self.num_classes, -1)

    def _number_of_cells(self) -> int:
        return self.num_classes**2

    def _cells(self, true: Tensor, predicted: Tensor) -> Tensor:
        return true * self.num_classes + predicted

    def _result_of(self, cells: Tensor, xp: Any) -> Any:
        return self._score(xp.reshape(cells, (self.num_classes, self.num_classes)), xp)

    def _score(self, matrix: Tensor, xp: Any) -> Any:
        """The result for a matrix; `xp` is NumPy when its values are known, `keras.ops` in a graph."""
        return matrix
