"""The base class of all losses."""

import keras

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg._labels.class_weights import balanced_weights
from keras_seg.losses import pixels as pixel_reading
from keras_seg.losses.reduction import REDUCTIONS, checked_class_weights


def scale_for_replicas(loss):
    """`loss` over the number of replicas of a `tf.distribute` strategy, which adds the replicas' gradients up.

    `keras.losses.Loss` does this for its own means; ours never pass through there.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:
            return loss / replicas
    return loss


class SegmentationLoss(keras.losses.Loss):
    """Base of the segmentation losses: shared arguments, labels kept exact, and sums such as `a + 0.5 * b`.

    `keras.losses.Loss` casts the labels to float32 and averages over all pixels, void ones included. Here `call` gets
    the labels as they are, and reduces by itself.

    What the labels mean goes by `mode`:

    - "multiclass": each pixel has one of the classes, predictions are a softmax over two channels or more. Labels are
      ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height, width,
      classes).
    - "binary": predictions are one sigmoid channel. Labels are 0, 1 or shares between them, (batch, height, width) or
      (batch, height, width, 1).
    - "multilabel": each channel is a sigmoid of its own. Labels are 0, 1 or shares between them for each channel; void
      is marked channel by channel. Ids (batch, height, width) or (batch, height, width, 1) are taken too, for classes
      that exclude each other.
    - "auto": "binary" for one channel, "multiclass" for more. That channels exclude no other cannot be seen in their
      shape, so "multilabel" must be said.

    Executed eagerly, a label that fits nothing, NaN in the predictions, and with `from_logits=False` predictions
    outside [0, 1] raise an `InputError`. In a compiled graph nothing can be raised: a stray label makes the loss NaN,
    and predictions are not checked.

    Args:
        ignore_class: None, int or sequence of int, the labels of pixels to leave out; inside or outside the range of
            the classes, but not all of them. Not 0 or 1 where those say no and yes. Defaults to None.
        class_weights: None or a sequence of floats >= 0, one for each class, (background, foreground) with "binary"; or
            "balanced", "median_frequency" or "square_root", which `adapt` resolves. Defaults to None.
        from_logits: bool, whether predictions are logits rather than probabilities. Defaults to False.
        mode: str, "auto", "multiclass", "binary" or "multilabel". Defaults to "auto".
        reduction: "sum_over_batch_size" or "mean" (the mean over what counts), "mean_with_sample_weight" (divided by
            the sum of the sample weights of what counts), "sum", or "none" or None. Defaults to "sum_over_batch_size".
        name: str, name of the loss.

    Raises:
        InputError: when an argument is not of these.

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
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        mode="auto",
        reduction="sum_over_batch_size",
        name=None,
    ):
        _validation.one_of("reduction", reduction, REDUCTIONS)
        super().__init__(name=name, reduction=reduction)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        self.class_weights = checked_class_weights(class_weights)
        if not isinstance(from_logits, bool):
            _validation.fail("from_logits", "must be True or False", from_logits)
        self.from_logits = from_logits
        self.mode = _validation.one_of("mode", mode, pixel_reading.MODES)

    def adapt(self, source):
        """Resolve `class_weights="balanced"` and the like by the pixels of the data; numbers are left as they are.

        Args:
            source: a `FolderIndex`, `PixelCounts`, or an array of pixels (images, classes); see `data.class_weights`.

        Returns:
            The loss itself, whose `class_weights` are numbers now and are saved as such.

        Examples:
            >>> from keras_seg.losses import Crossentropy
            >>> Crossentropy(class_weights="balanced").adapt([[60, 20], [100, 20]]).class_weights
            (0.625, 2.5)
        """
        if isinstance(self.class_weights, str):
            self.class_weights = tuple(balanced_weights(source, self.class_weights))
        return self

    def read(self, y_true, y_pred, sample_weight=None):
        """Labels, predictions and weights, checked and in one form (`keras_seg.losses.pixels.Pixels`)."""
        return pixel_reading.read(
            y_true,
            y_pred,
            sample_weight,
            ignored=self.ignore_class,
            class_weights=self.class_weights,
            from_logits=self.from_logits,
            mode=self.mode,
        )

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The reduced loss."""
        with keras.name_scope(self.name):
            loss = self.call(*reading.tensors(y_true, y_pred), sample_weight)
            return loss if self.reduction in ("sum", "none", None) else scale_for_replicas(loss)

    def call(self, y_true, y_pred, sample_weight=None):
        """The loss from tensors, reduced; for subclasses to define."""
        raise NotImplementedError

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "ignore_class": list(self.ignore_class) or None,
            "class_weights": list(self.class_weights) if isinstance(self.class_weights, tuple) else self.class_weights,
            "from_logits": self.from_logits,
            "mode": self.mode,
        }

    def __add__(self, other):
        """A `WeightedSum` of this loss and another."""
        from keras_seg.losses.weighted_sum import WeightedSum

        # sum([a, b]) begins with 0 + a.
        if isinstance(other, int) and other == 0:
            return self
        return WeightedSum([self, other])

    def __radd__(self, other):
        """A `WeightedSum` of another loss and this one."""
        from keras_seg.losses.weighted_sum import WeightedSum

        if isinstance(other, int) and other == 0:
            return self
        return WeightedSum([other, self])

    def __mul__(self, factor):
        """A `WeightedSum` of this loss alone."""
        from keras_seg.losses.weighted_sum import WeightedSum

        return WeightedSum([self], weights=[factor])

    __rmul__ = __mul__
