"""The streaming confusion matrix that every overlap metric is read from."""

import keras
import numpy as np
from keras import ops

from keras_seg import _labels as label_reading
from keras_seg import _reduction as reductions
from keras_seg import _validation

# One int32 limb holds counts below this; with the other counting carries, totals are exact to 2^55. A batch may add up
# to 2^31 - 2^24 pixels to a limb before it overflows.
LIMB = 2**24


def predicted_ids(y_pred, num_classes):
    """Predicted classes as int32 (batch, height, width)."""
    shape = tuple(y_pred.shape)
    whole = "int" in keras.backend.standardize_dtype(y_pred.dtype)
    if len(shape) == 4 and shape[-1] == num_classes:
        return label_reading.argmax(y_pred)
    if len(shape) == 4 and shape[-1] == 1:
        y_pred = ops.squeeze(y_pred, axis=-1)
        if not whole and num_classes == 2:
            return ops.cast(y_pred > 0.5, "int32")
    elif len(shape) != 3:
        _validation.fail(
            "y_pred",
            f"must be probabilities (batch, height, width, {num_classes}) or class ids (batch, height, width)",
            shape,
            f"Its last dimension must equal num_classes={num_classes}." if len(shape) == 4 else "",
        )
    if not whole:
        fix = "Cast them to int32." if len(shape) == 3 else f"Its last dimension must equal num_classes={num_classes}."
        _validation.fail(
            "y_pred", "must be of an integer type when it holds class ids", (shape, str(y_pred.dtype)), fix
        )
    return ops.cast(y_pred, "int32")


def histogram(bins, size):
    """How often each of 0..size-1 occurs, int32 (size,). Static shapes on every backend, so XLA takes it."""
    backend = keras.backend.backend()
    bins = ops.reshape(bins, (-1,))
    if backend == "tensorflow":
        import tensorflow as tf

        # keras.ops.bincount has no static size, and a segment sum takes ten times as long.
        return tf.raw_ops.DenseBincount(input=bins, size=size, weights=tf.zeros([0], tf.int32), binary_output=False)
    if backend == "jax":
        import jax.numpy as jnp

        return jnp.bincount(bins, length=size).astype("int32")
    if backend == "torch" and not bins.is_meta:
        return ops.bincount(bins, minlength=size)
    return ops.segment_sum(ops.ones_like(bins), bins, num_segments=size)


@keras.saving.register_keras_serializable("keras_seg")
class ConfusionMatrix(keras.metrics.Metric):
    """The confusion matrix hist[true, predicted] of all pixels seen so far, in exact integers.

    Counts stay exact to 2^55 pixels on every backend. Pixels whose true label is ignored are left out. An ignored class
    predicted on a pixel that counts is an error of the true class: it stays in the matrix, in the ignored class's
    column.

    Labels that are neither a class nor ignored, and predicted ids that are no class, never vanish. With
    `out_of_range="raise"`, executed eagerly, `update_state` raises an error that names them; in a compiled `fit` or
    `evaluate`, where nothing can be raised, they are counted, the running result is NaN, and `result()`, which Keras
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

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot labels (batch, height, width,
            classes).
        y_pred: probabilities or logits (batch, height, width, classes); or class ids (batch, height, width) of an
            integer type; or, for two classes, probabilities of class 1 (batch, height, width, 1), a pixel being of
            class 1 above 0.5.
        sample_weight: None or a mask of zeros and ones, (batch,), (batch, height, width) or (batch, height, width, 1);
            the counts are integers, so other weights are an error.

    Returns:
        `result()`: the counts, a NumPy int64 array (classes, classes). Inside a compiled graph a float32 tensor,
        rounded above 2^24. In `compile(metrics=...)` use the metrics that give numbers.

    Raises:
        InputError: for arguments, shapes, labels or weights that do not fit.

    Example:
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
        ignore_class=None,
        class_names=None,
        out_of_range="raise",
        name="confusion_matrix",
        dtype=None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.num_classes = _validation.integer("num_classes", num_classes, minimum=2)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        self.class_names = _validation.class_names(class_names, self.num_classes)
        self.out_of_range = _validation.one_of("out_of_range", out_of_range, ("raise", "count"))
        if all(index in self.ignore_class for index in range(self.num_classes)):
            _validation.fail("ignore_class", "must leave a class to judge", self.ignore_class)
        # The cells of the matrix, then ignored pixels, pixels out of range, pixels with a weight other than 0 and 1;
        # low limbs in row 0, carries in row 1.
        cells = self.num_classes**2
        self._ignored, self._strays, self._fractional, self._bins = cells, cells + 1, cells + 2, cells + 3
        self._limbs = self.add_variable((2, self._bins), initializer="zeros", dtype="int32", name="limbs")

    def update_state(self, y_true, y_pred, sample_weight=None):
        """Count the pixels of a batch."""
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        predicted = predicted_ids(y_pred, self.num_classes)
        true = label_reading.class_ids(y_true, self.num_classes, self.ignore_class)
        label_reading.check_sizes(y_true, y_pred)
        valid, stray = label_reading.partition(true, self.num_classes, self.ignore_class)
        bins = ops.where(valid, true * self.num_classes + predicted, self._ignored)
        bins = ops.where(stray, self._strays, bins)
        wrong = None
        if y_pred.shape[-1] != self.num_classes or len(y_pred.shape) == 3:
            wrong = ops.logical_and(valid, ops.logical_or(predicted < 0, predicted >= self.num_classes))
            bins = ops.where(wrong, self._strays, bins)
        if sample_weight is not None:
            bins = self._masked(bins, y_pred, sample_weight)
        counts = histogram(bins, self._bins)
        if label_reading.is_concrete(counts):
            self._check(ops.convert_to_numpy(counts), true, stray, predicted, wrong)
        low = self._limbs[0] + counts
        self._limbs.assign(ops.stack([low % LIMB, self._limbs[1] + low // LIMB]))

    def result(self):
        """The confusion matrix; for subclasses, their score of it."""
        limbs = ops.convert_to_tensor(self._limbs)
        if label_reading.is_concrete(limbs):
            totals = self._totals()
            self._check(totals)
            return self._score(totals[: self._ignored].reshape(self.num_classes, -1), np)
        totals = ops.cast(limbs[0], "float32") + ops.cast(limbs[1], "float32") * LIMB
        matrix = ops.reshape(totals[: self._ignored], (self.num_classes, self.num_classes))
        faults = (
            totals[self._fractional]
            if self.out_of_range == "count"
            else totals[self._strays] + totals[self._fractional]
        )
        return self._score(ops.where(faults > 0, float("nan"), matrix), ops)

    def merge_state(self, metrics):
        """Add the counts of other metrics of the same classes, such as other workers', to this one.

        Args:
            metrics: iterable of `ConfusionMatrix` or its subclasses with this one's `num_classes` and `ignore_class`.

        Raises:
            InputError: when one is not such a metric.
        """
        metrics = list(metrics)
        for other in metrics:
            same = (
                isinstance(other, ConfusionMatrix)
                and other.num_classes == self.num_classes
                and other.ignore_class == self.ignore_class
            )
            if not same:
                rule = f"must hold metrics with num_classes={self.num_classes}, ignore_class={self.ignore_class}"
                _validation.fail("metrics", rule, other)
        totals = self._totals() + sum(other._totals() for other in metrics)
        self._limbs.assign(np.stack([totals % LIMB, totals // LIMB]).astype("int32"))

    @property
    def matrix(self):
        """The counts so far, NumPy int64 (classes, classes); without the checks of `result`."""
        return self._totals()[: self._ignored].reshape(self.num_classes, -1)

    @property
    def ignored_pixels(self):
        """How many pixels were ignored, or masked by a sample weight of 0."""
        return int(self._totals()[self._ignored])

    @property
    def out_of_range_pixels(self):
        """How many pixels had a label or prediction that is neither a class nor ignored."""
        return int(self._totals()[self._strays])

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "ignore_class": list(self.ignore_class) or None,
            "class_names": list(self.class_names),
            "out_of_range": self.out_of_range,
        }

    def _score(self, matrix, xp):
        """What `result` gives for a matrix; `xp` is NumPy when its values are known, `keras.ops` in a graph."""
        return matrix

    def _masked(self, bins, y_pred, sample_weight):
        """Pixels of weight 0 go to the ignored ones, those of weights other than 0 and 1 to a bin of their own."""
        weights = reductions.sample_weights(sample_weight, y_pred, "float32")
        # Added rather than compared in place, so that a weight for each image reaches each of its pixels.
        kept, dropped = ops.cast(weights == 1, "int32"), ops.cast(weights == 0, "int32")
        return bins * kept + self._ignored * dropped + self._fractional * (1 - kept - dropped)

    def _totals(self):
        limbs = ops.convert_to_numpy(ops.convert_to_tensor(self._limbs)).astype("int64")
        return limbs[0] + limbs[1] * LIMB

    def _check(self, totals, true=None, stray=None, predicted=None, wrong=None):
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
        if true is None:
            _validation.fail(
                "y_true",
                f"or `y_pred` held ids that are neither a class, 0 to {self.num_classes - 1}, nor ignored",
                f"{strays} such pixels",
                'Pass ignore_class=..., correct the masks, or pass out_of_range="count" to leave them out.',
            )
        if ops.any(stray):
            label_reading.fail_on_stray(true, stray, self.num_classes)
        values = np.unique(ops.convert_to_numpy(predicted)[ops.convert_to_numpy(wrong)])
        _validation.fail(
            "y_pred", f"holds ids outside 0 to {self.num_classes - 1}", [int(value) for value in values[:8]]
        )
