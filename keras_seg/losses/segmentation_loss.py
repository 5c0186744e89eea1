"""The base class of all losses: shared arguments and sums."""

from collections.abc import Callable, Sequence
from typing import Any, Self

import keras
from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._labels.class_weights import balanced_weights
from keras_seg._types import IgnoreClass, Tensor
from keras_seg.losses.pixels import MODES, Options, Pixels, cast_from_half, in_half_precision, read
from keras_seg.losses.reduction import REDUCTIONS, checked_class_weights
from keras_seg.losses.weighted_sum import SummableLoss


def scale_for_replicas(loss: Tensor) -> Tensor:
    """`loss` over the number of replicas of a `tf.distribute` strategy, which adds the replicas' gradients up.

    `keras.losses.Loss` does this for its own means; ours never pass through there.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:
            return loss / replicas
    return loss


def checked_dtype(dtype: Any) -> str | None:
    """`dtype` of a loss as "float32" or "float64", or None to follow the predictions."""
    if dtype is None:
        return None
    try:
        found = keras.dtype_policies.get(dtype).compute_dtype
    except (TypeError, ValueError):
        found = None
    if found not in ("float32", "float64"):
        fix = "Sums over pixels lose accuracy in half precision; predictions in half precision are fine."
        _validation.fail("dtype", "must be None, float32 or float64", dtype, fix)
    return found


class SegmentationLoss(SummableLoss):
    """Base of the segmentation losses: shared arguments, exact labels, and sums such as `a + 0.5 * b`.

    `keras.losses.Loss` casts the labels to float32 and averages over all pixels, void ones included. Here `call` gets
    the labels as they are, and reduces by itself.

    `mode` determines how labels are interpreted:

    - "multiclass": each pixel has one of the classes, predictions are a softmax over two channels or more. Labels are
      ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height, width,
      classes).
    - "binary": predictions are one sigmoid channel. Labels are 0, 1 or shares between them, (batch, height, width) or
      (batch, height, width, 1).
    - "multilabel": each channel is a separate sigmoid. Labels are 0, 1 or shares between them per channel, and void is
      marked per channel. Ids (batch, height, width) or (batch, height, width, 1) are accepted too, for classes that
      exclude each other.
    - "auto": "binary" for one channel, "multiclass" for more. Shapes do not show that channels are independent, so
      "multilabel" must be passed.

    In eager mode an invalid label, NaN in the predictions, and with `from_logits=False` predictions outside [0, 1]
    raise an `InputError`. A compiled graph cannot raise: an invalid label makes the loss NaN, and predictions are not
    checked. A batch in which every pixel is ignored has loss 0 and gradient 0. The loss is computed in float32 even for
    half-precision predictions.

    Args:
        from_logits: bool. Whether predictions are logits rather than probabilities. Defaults to False.
        ignore_class: None, int or sequence of int. Labels of pixels to exclude, such as 255, -1 or (0, 255), inside or
            outside the range of the classes, but not all of them. For one-hot labels, pixels whose largest label is
            ignored are excluded; so are all-zero rows if an ignored id lies outside the classes (otherwise such a row
            is an error). Not 0 or 1 where those mean no and yes. Defaults to None.
        class_weights: None or a sequence of floats >= 0, one per class, (background, foreground) with "binary"; or
            "balanced", "median_frequency" or "square_root", which `adapt` resolves. In a loss that is a mean over
            classes, the weights of that mean. Defaults to None.
        mode: str. "auto", "multiclass", "binary" or "multilabel". Defaults to "auto".
        reduction: "sum_over_batch_size" or "mean" (the mean over counted pixels), "mean_with_sample_weight" (divided by
            the sum of the sample weights of counted pixels), "sum", or "none" or None. Defaults to
            "sum_over_batch_size".
        name: str. Name of the loss. Defaults to the snake-case name of the class.
        dtype: None, "float32" or "float64". Type that the loss is computed in; None for float64 predictions in float64
            and all others in float32. Defaults to None.

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height,
            width, channels).
        y_pred: probabilities or logits (batch, height, width, channels), one channel for "binary".
        sample_weight: None, (batch,), (batch, height, width) or (batch, height, width, 1).

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes, labels or predictions that do not fit.

    Examples:
        >>> import keras, numpy as np
        >>> class Wrong(SegmentationLoss):
        ...     '''One minus the probability of the label.'''
        ...     def call(self, y_true, y_pred, sample_weight=None):
        ...         pixels = self.read(y_true, y_pred, sample_weight)
        ...         return 1 - keras.ops.sum(pixels.target() * pixels.probabilities()) / keras.ops.sum(pixels.mask())
        >>> loss = 2 * Wrong() + Wrong()
        >>> round(float(loss(np.array([[[1]]]), np.array([[[[0.5, 0.5]]]], "float32"))), 6)
        1.5
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        ignore_class: IgnoreClass = None,
        class_weights: Sequence[float] | str | None = None,
        mode: str = "auto",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        _validation.one_of("reduction", reduction, REDUCTIONS)
        super().__init__(name=name, reduction=reduction)
        self._dtype = checked_dtype(dtype)
        self.from_logits = _validation.boolean("from_logits", from_logits)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        self.class_weights = checked_class_weights(class_weights)
        self.mode = _validation.one_of("mode", mode, MODES)

    def adapt(self, source: Any) -> Self:
        """Resolve `class_weights="balanced"` and the other rules from the data; numbers stay as they are.

        Args:
            source: a `FolderIndex`, `PixelCounts`, or an array of pixels (images, classes); see `data.class_weights`.

        Returns:
            The loss itself. Its `class_weights` are now numbers and are saved as such.

        Examples:
            >>> from keras_seg.losses import Crossentropy
            >>> Crossentropy(class_weights="balanced").adapt([[60, 20], [100, 20]]).class_weights
            (0.625, 2.5)
        """
        if isinstance(self.class_weights, str):
            self.class_weights = tuple(balanced_weights(source, self.class_weights))
        return self

    def read(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Pixels:
        """Labels, predictions and weights, checked and in one form (`keras_seg.losses.pixels.Pixels`)."""
        return read(y_true, y_pred, sample_weight, self._options())

    def _options(self) -> Options:
        return Options(self.from_logits, self.ignore_class, self.class_weights, self.mode)

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The reduced loss."""
        with keras.name_scope(self.name):
            y_true, y_pred = reading.tensors(y_true, y_pred)
            token = cast_from_half.set(in_half_precision(y_pred))
            try:
                y_pred = y_pred if self._dtype is None else ops.cast(y_pred, self._dtype)
                loss = self.call(y_true, y_pred, sample_weight)
            finally:
                cast_from_half.reset(token)
            return loss if self.reduction in ("sum", "none", None) else scale_for_replicas(loss)

    def call(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The loss from tensors, reduced; subclasses define it."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {
            "name": self.name,
            "reduction": self.reduction,
            "from_logits": self.from_logits,
            "ignore_class": list(self.ignore_class) or None,
            "class_weights": list(self.class_weights) if isinstance(self.class_weights, tuple) else self.class_weights,
            "mode": self.mode,
            "dtype": self._dtype,
        }


class FunctionLoss(SegmentationLoss):
    """A loss that calls a function with its arguments, as `keras.losses.Loss` classes do.

    Args:
        function: callable of (y_true, y_pred, *, sample_weight, and the arguments).
        own: dict. Arguments of the function beside those of `SegmentationLoss`, checked, and part of the config.
        options: `Options`. How labels and predictions are read.
        reduction, name, dtype: see `SegmentationLoss`.
    """

    def __init__(
        self,
        function: Callable[..., Tensor],
        own: dict[str, Any],
        options: Options,
        *,
        reduction: str | None,
        name: str | None,
        dtype: Any,
    ) -> None:
        super().__init__(**options._asdict(), reduction=reduction, name=name, dtype=dtype)
        self._function = function
        self._names = tuple(own)
        for name, value in own.items():
            setattr(self, name, value)

    def _own(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._names}

    def call(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor = None) -> Tensor:
        """The loss, reduced."""
        arguments = {**self._options()._asdict(), **self._own(), "reduction": self.reduction}
        return self._function(y_true, y_pred, sample_weight=sample_weight, **arguments)

    def get_config(self) -> dict[str, Any]:
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), **self._own()}
