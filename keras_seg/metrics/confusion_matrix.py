"""The streaming confusion matrix that every overlap metric is read from."""

import keras

from keras_seg.metrics.counting_metric import PixelCounts


@keras.saving.register_keras_serializable("keras_seg")
class ConfusionMatrix(PixelCounts):
    """The confusion matrix hist[true, predicted] of all pixels seen so far, in exact integers.

    Counts stay exact to 2^55 pixels on every backend. Pixels whose true label is ignored are left out. An ignored class
    predicted on a pixel that counts is an error of the true class: it stays in the matrix, in the ignored class's
    column.

    Labels that are neither a class nor ignored, predicted ids that are no class and predictions of NaN never vanish.
    With `out_of_range="raise"`, executed eagerly, `update_state` raises an error that names them; in a compiled `fit`
    or `evaluate`, where nothing can be raised, they are counted, the running result is NaN, and `result()`, which Keras
    calls outside the graph when an epoch or `evaluate` ends, raises an error that tells how many. With `"count"` the
    pixels are left out and `out_of_range_pixels` tells how many there were.

    Args:
        num_classes: int >= 2.
        ignore_class: None, int or sequence of int, labels of pixels to leave out; inside or outside the range of the
            classes. Defaults to None.
        class_names: None or a sequence of `num_classes` names. Defaults to None, for "class_0" and so on.
        out_of_range: str, "raise" or "count". Defaults to "raise".
        name: str, name of the metric. Defaults to "confusion_matrix".
        dtype: dtype of results other than counts. Defaults to None, for `keras.config.floatx()`.
        threshold: float in (0, 1), what a probability of class 1 must exceed where `y_pred` has one channel. Defaults
            to 0.5.
        from_logits: bool, whether the one channel of `y_pred` holds logits, compared with the logit of `threshold`. The
            largest of several channels is the same either way. Defaults to False.

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot labels (batch, height, width,
            classes).
        y_pred: probabilities or logits (batch, height, width, classes); or class ids (batch, height, width) of an
            integer type; or, for two classes, probabilities of class 1 (batch, height, width, 1), a pixel being of
            class 1 above `threshold`.
        sample_weight: None or a mask of zeros and ones, (batch,), (batch, height, width) or (batch, height, width, 1);
            the counts are integers, so other weights are an error.

    Returns:
        `result()`: the counts, a NumPy int64 array (classes, classes). Inside a compiled graph a float32 tensor,
        rounded above 2^24. In `compile(metrics=...)` use the metrics that give numbers.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit.

    Examples:
        >>> import numpy as np
        >>> metric = ConfusionMatrix(num_classes=2, ignore_class=255)
        >>> metric.update_state(np.array([[[0, 0, 1, 255]]]), np.array([[[0, 1, 1, 1]]]))
        >>> metric.result()
        array([[1, 1],
               [0, 1]])
    """

    def __init__(
        self,
        num_classes,
        *,
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="confusion_matrix",
        dtype=None,
        threshold=0.5,
        from_logits=False,
    ):
        super().__init__(
            num_classes,
            ignore_class=ignore_class,
            class_names=class_names,
            out_of_range=out_of_range,
            name=name,
            dtype=dtype,
            threshold=threshold,
            from_logits=from_logits,
        )

    @property
    def matrix(self):
        """The counts so far, NumPy int64 (classes, classes); without the checks of `result`."""
        return self._totals()[: self._ignored].reshape(self.num_classes, -1)

    def _number_of_cells(self):
        return self.num_classes**2

    def _cells(self, true, predicted):
        return true * self.num_classes + predicted

    def _result_of(self, cells, xp):
        return self._score(xp.reshape(cells, (self.num_classes, self.num_classes)), xp)

    def _score(self, matrix, xp):
        """What `result` gives for a matrix; `xp` is NumPy when its values are known, `keras.ops` in a graph."""
        return matrix
