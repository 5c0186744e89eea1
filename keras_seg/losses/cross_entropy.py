"""Cross-entropy over the pixels that count."""

import keras
from keras import ops

from keras_seg import _labels as label_reading
from keras_seg import _reduction as reductions
from keras_seg import _validation
from keras_seg.losses.segmentation_loss import SegmentationLoss


def negative_log(probabilities, narrow):
    """-log p, its value clipped at epsilon as in Keras, its gradient kept far below.

    A plain clip would stop the gradient of every pixel whose probability is under 1e-7, and with it the learning of the
    pixels that are most wrong. The gradient is -1/p down to 1e-37, or to 1e-4 when `narrow`, where float16 predictions
    would otherwise receive an infinity.
    """
    log = -ops.log(ops.maximum(probabilities, 1e-4 if narrow else 1e-37))
    clipped = -ops.log(ops.maximum(probabilities, keras.config.epsilon()))
    return log + ops.stop_gradient(clipped - log)


def label_probabilities(probabilities, labels):
    """The probability of each pixel's label (batch, height, width); of no meaning where the pixel does not count."""
    if keras.backend.backend() == "torch":
        index = ops.expand_dims(ops.maximum(labels.ids, 0), -1)
        return ops.squeeze(ops.take_along_axis(probabilities, index, axis=-1), axis=-1)
    # A product with one-hot labels: its gradient is a product too, where that of a gather is a slow scatter.
    one_hot = label_reading.one_hot(labels, probabilities.shape[-1], probabilities.dtype)
    return ops.sum(probabilities * one_hot, axis=-1)


def label_cross_entropy(y_pred, labels, from_logits, narrow):
    """-log of the probability of each pixel's label, for integer labels without smoothing: the fast path."""
    if not from_logits:
        return negative_log(label_probabilities(y_pred, labels), narrow)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(labels.ids, 0), y_pred)
    return -label_probabilities(ops.log_softmax(y_pred, axis=-1), labels)


def cross_entropy(
    y_true,
    y_pred,
    sample_weight=None,
    ignore_class=None,
    class_weights=None,
    from_logits=False,
    label_smoothing=0.0,
    reduction="sum_over_batch_size",
):
    """Cross-entropy over the pixels that are not ignored; see `CrossEntropy`, which documents the arguments.

    Example:
        >>> import numpy as np
        >>> probabilities = np.array([[[[0.8, 0.2], [0.5, 0.5]]]], "float32")
        >>> round(float(cross_entropy(np.array([[[0, 255]]]), probabilities, ignore_class=255)), 4)  # -log(0.8)
        0.2231
    """
    y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
    narrow = keras.backend.standardize_dtype(y_pred.dtype) == "float16"
    dtype = reductions.compute_dtype(y_pred)
    y_pred = ops.cast(y_pred, dtype)
    labels = label_reading.read(y_true, y_pred, _validation.ignored_classes(ignore_class), dtype)
    num_classes = y_pred.shape[-1]
    class_weights = reductions.class_weights(class_weights)
    if class_weights is not None:
        class_weights = reductions.class_weight_vector(class_weights, num_classes, dtype)

    if labels.ids is not None and not label_smoothing:
        losses = label_cross_entropy(y_pred, labels, from_logits, narrow)
        if class_weights is not None:
            losses = losses * ops.take(class_weights, ops.maximum(labels.ids, 0))
    else:
        target = label_reading.one_hot(labels, num_classes, dtype)
        target = target * (1 - label_smoothing) + label_smoothing / num_classes
        if class_weights is not None:
            target = target * class_weights
        surprise = -ops.log_softmax(y_pred, axis=-1) if from_logits else negative_log(y_pred, narrow)
        losses = ops.sum(target * surprise, axis=-1)

    weights = reductions.sample_weights(sample_weight, y_pred, dtype)
    return label_reading.poison(reductions.reduce(losses, labels.valid, weights, reduction), labels)


@keras.saving.register_keras_serializable("keras_seg")
class CrossEntropy(SegmentationLoss):
    """Cross-entropy, averaged over the pixels that are not ignored.

    `L = 1/N sum_i v_i sum_c w_c t_ic (-log p_ic)`, over pixels i and classes c: p predictions, t labels, one-hot,
    `t = (1 - s) onehot + s / classes` with label smoothing s; w class weights, v sample weights; N the number of pixels
    that are not ignored, whatever the weights. That is Caffe's convention; with class weights torch divides by
    the sum of the pixels' weights instead, which scales the same gradient.

    A batch in which every pixel is ignored has the loss 0, and gradient 0. A label that is neither a class nor ignored
    raises an error when executed eagerly; in a compiled graph, where nothing can be raised, the loss is NaN.
    Half-precision predictions are computed with in float32.

    Args:
        ignore_class: None, int or sequence of int, labels of the pixels to leave out, such as 255, -1 or (0, 255). Of
            one-hot labels, pixels whose largest label is ignored; all-zero rows too when an ignored id lies outside the
            classes (otherwise such a row is an error). Defaults to None.
        class_weights: None or a sequence of floats >= 0, one for each class. Defaults to None.
        from_logits: bool, whether predictions are logits. Probabilities are clipped at `keras.config.epsilon()` in the
            loss's value; the gradient goes on below. Defaults to False.
        label_smoothing: float in [0, 1], the share of each label given equally to all classes. Defaults to 0.0.
        reduction: "sum_over_batch_size" or "mean" (over the pixels that count), "mean_with_sample_weight" (divided by
            their sample weights' sum), "sum", or "none" or None for (batch, height, width). Defaults to
            "sum_over_batch_size".
        name: str, name of the loss. Defaults to "cross_entropy".

    Call arguments:
        y_true: ids (batch, height, width) or (batch, height, width, 1), or one-hot or soft labels (batch, height,
            width, classes).
        y_pred: probabilities or logits (batch, height, width, classes).
        sample_weight: None, (batch,), (batch, height, width) or (batch, height, width, 1).

    Returns:
        A scalar, float32 (float64 for float64 predictions).

    Raises:
        InputError: for arguments, shapes or labels that do not fit.

    Example:
        >>> import numpy as np
        >>> loss = CrossEntropy(ignore_class=255)
        >>> labels = np.array([[[0, 1], [1, 255]]])
        >>> probabilities = np.array([[[[0.8, 0.2], [0.5, 0.5]], [[0.5, 0.5], [0.9, 0.1]]]], "float32")
        >>> round(float(loss(labels, probabilities)), 4)  # (-log .8 - 2 log .5) / 3
        0.5365

    Reference:
        - [Long et al., 2015](https://arxiv.org/abs/1411.4038), section 4; the division by valid pixels is that of
          Caffe's SoftmaxWithLoss layer, `normalization: VALID`.
    """

    def __init__(
        self,
        ignore_class=None,
        class_weights=None,
        from_logits=False,
        label_smoothing=0.0,
        reduction="sum_over_batch_size",
        name="cross_entropy",
    ):
        super().__init__(ignore_class, class_weights, from_logits, reduction, name)
        self.label_smoothing = _validation.number("label_smoothing", label_smoothing, minimum=0, maximum=1)

    def call(self, y_true, y_pred, sample_weight=None):
        """`cross_entropy` with the arguments of this loss."""
        return cross_entropy(
            y_true,
            y_pred,
            sample_weight,
            self.ignore_class,
            self.class_weights,
            self.from_logits,
            self.label_smoothing,
            self.reduction,
        )

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
