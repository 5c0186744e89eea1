"""-log p of the labels, pixel by pixel: what cross-entropy, focal and hard-pixel losses have in common."""

import keras
from keras import ops

from keras_seg._labels import reading


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
    one_hot = reading.one_hot(labels, probabilities.shape[-1], probabilities.dtype)
    return ops.sum(probabilities * one_hot, axis=-1)


def of_ids(pixels):
    """-log of the probability of each pixel's label, (batch, height, width), for integer labels: the fast path."""
    if not pixels.from_logits:
        return negative_log(label_probabilities(pixels.scores, pixels.labels), pixels.narrow)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(pixels.labels.ids, 0), pixels.scores)
    return -label_probabilities(ops.log_softmax(pixels.scores, axis=-1), pixels.labels)


def of_channels(pixels):
    """(-log p, -log(1 - p)) of each channel's sigmoid."""
    if pixels.from_logits:
        return ops.softplus(-pixels.scores), ops.softplus(pixels.scores)
    return negative_log(pixels.scores, pixels.narrow), negative_log(1 - pixels.scores, pixels.narrow)


def surprises(pixels, label_smoothing=0.0, modulate=None, class_weights=None):
    """`sum_c w_c t_c f(-log p_c)`: (batch, height, width), or (..., channels) with "multilabel".

    Args:
        pixels: `Pixels`.
        label_smoothing: float, share of each label given equally to all classes, or to yes and no.
        modulate: f, function of a tensor; None for the identity.
        class_weights: tensor as in `Pixels`, or None.
    """
    modulate = modulate or (lambda surprise: surprise)
    labels = pixels.labels
    if pixels.by_channel:
        target = pixels.target() * (1 - label_smoothing) + label_smoothing / 2
        yes, no = (modulate(surprise) for surprise in of_channels(pixels))
        if pixels.mode == "binary":
            if class_weights is not None:
                no, yes = no * class_weights[0], yes * class_weights[1]
            return ops.squeeze(target * yes + (1 - target) * no, axis=-1)
        values = target * yes + (1 - target) * no
        return values if class_weights is None else values * class_weights
    if labels.ids is not None and not label_smoothing:
        values = modulate(of_ids(pixels))
        return values if class_weights is None else values * ops.take(class_weights, ops.maximum(labels.ids, 0))
    target = pixels.target() * (1 - label_smoothing) + label_smoothing / pixels.channels
    if class_weights is not None:
        target = target * class_weights
    if pixels.from_logits:
        surprise = -ops.log_softmax(pixels.scores, axis=-1)
    else:
        surprise = negative_log(pixels.scores, pixels.narrow)
    return ops.sum(target * modulate(surprise), axis=-1)


def counted(pixels, values):
    """Which of `values` count, bool, in their shape."""
    valid = pixels.labels.valid
    if len(valid.shape) > len(values.shape):
        return ops.squeeze(valid, axis=-1)
    if len(valid.shape) < len(values.shape):
        return ops.broadcast_to(ops.expand_dims(valid, -1), ops.shape(values))
    return valid


def sample_weights(pixels, values):
    """Sample weights that fit `values`, or None."""
    if pixels.weights is None or len(values.shape) == 3:
        return pixels.weights
    return ops.expand_dims(pixels.weights, -1)
