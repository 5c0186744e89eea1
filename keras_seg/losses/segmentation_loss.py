"""The base class of all losses."""

import keras
from keras import ops

from keras_seg import _reduction as reductions
from keras_seg import _validation


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

    Args:
        ignore_class: None, int or sequence of int, the labels of pixels to leave out; inside or outside the range of
            the classes. Defaults to None.
        class_weights: None or a sequence of floats >= 0, one for each class. Defaults to None.
        from_logits: bool, whether predictions are logits rather than probabilities. Defaults to False.
        reduction: "sum_over_batch_size" or "mean" (the mean over what counts), "mean_with_sample_weight" (divided by
            the sum of the sample weights of what counts), "sum", or "none" or None. Defaults to "sum_over_batch_size".
        name: str, name of the loss.

    Raises:
        InputError: when an argument is not of these.

    Example:
        >>> import keras, numpy as np
        >>> class Wrong(SegmentationLoss):
        ...     '''One minus the probability of the label.'''
        ...     def call(self, y_true, y_pred, sample_weight=None):
        ...         probability = keras.ops.take_along_axis(y_pred, keras.ops.expand_dims(y_true, -1), axis=-1)
        ...         return keras.ops.mean(1 - probability)
        >>> loss = 2 * Wrong() + Wrong()
        >>> round(float(loss(np.array([[[1]]]), np.array([[[[0.5, 0.5]]]], "float32"))), 6)
        1.5
    """

    def __init__(
        self,
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        reduction="sum_over_batch_size",
        name=None,
    ):
        _validation.one_of("reduction", reduction, reductions.REDUCTIONS)
        super().__init__(name=name, reduction=reduction)
        self.ignore_class = _validation.ignored_classes(ignore_class)
        self.class_weights = reductions.class_weights(class_weights)
        if not isinstance(from_logits, bool):
            _validation.fail("from_logits", "must be True or False", from_logits)
        self.from_logits = from_logits

    def __call__(self, y_true, y_pred, sample_weight=None):
        """The reduced loss."""
        with keras.name_scope(self.name):
            loss = self.call(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred), sample_weight)
            return loss if self.reduction in ("sum", "none", None) else scale_for_replicas(loss)

    def call(self, y_true, y_pred, sample_weight=None):
        """The loss from tensors, reduced; for subclasses to define."""
        raise NotImplementedError

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {
            **super().get_config(),
            "ignore_class": list(self.ignore_class) or None,
            "class_weights": None if self.class_weights is None else list(self.class_weights),
            "from_logits": self.from_logits,
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

        return WeightedSum([self], [factor])

    __rmul__ = __mul__
