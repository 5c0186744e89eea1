"""Negative log-likelihood of each pixel: shared by cross-entropy, focal and hard-pixel losses."""

from collections.abc import Callable

import keras
from keras import ops

from keras_seg import _ops
from keras_seg._labels import reading
from keras_seg._types import Tensor
from keras_seg.losses.pixels import Pixels
from keras_seg.losses.reduction import reduce


def negative_log(probabilities: Tensor, *, half_precision: bool) -> Tensor:
    """-log p, with its value clipped at epsilon as in Keras and its gradient continued far below.

    A plain clip would stop the gradient of every pixel whose probability is under 1e-7: the pixels that are most wrong
    would not be learned. The gradient is -1/p down to 1e-37, or to 1e-4 with `half_precision`, where float16
    predictions would otherwise receive an infinity.
    """
    log = -ops.log(ops.maximum(probabilities, 1e-4 if half_precision else 1e-37))
    clipped = -ops.log(ops.maximum(probabilities, keras.config.epsilon()))
    return log + ops.stop_gradient(clipped - log)


def label_probabilities(probabilities: Tensor, labels: reading.Labels) -> Tensor:
    """The probability of each pixel's label (batch, height, width); meaningless where the pixel is ignored."""
    if keras.backend.backend() == "torch":
        index = ops.expand_dims(ops.maximum(labels.ids, 0), -1)
        return ops.squeeze(ops.take_along_axis(probabilities, index, axis=-1), axis=-1)
    # Not a gather, whose gradient is a slow scatter.
    if keras.backend.backend() == "jax":
        # Here logarithms are read too: a product would make NaN of -inf, that of another class whose logit is -inf.
        own = ops.expand_dims(labels.ids, -1) == ops.arange(probabilities.shape[-1], dtype="int32")
        return ops.sum(ops.where(own, probabilities, 0.0), axis=-1)
    one_hot = reading.one_hot(labels, probabilities.shape[-1], probabilities.dtype)
    return ops.sum(probabilities * one_hot, axis=-1)


def of_ids(pixels: Pixels) -> Tensor:
    """-log of the probability of each pixel's label, (batch, height, width), for integer labels: the fast path."""
    if not pixels.from_logits:
        return negative_log(label_probabilities(pixels.scores, pixels.labels), half_precision=pixels.half_precision)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # XLA takes half of the time of TensorFlow's kernel and its gradient, for the same numbers.
        crossentropy = tf.nn.sparse_softmax_cross_entropy_with_logits
        return _ops.in_one_pass(crossentropy, tf.maximum(pixels.labels.ids, 0), pixels.scores)
    return -label_probabilities(ops.log_softmax(pixels.scores, axis=-1), pixels.labels)


def of_channels(pixels: Pixels) -> tuple[Tensor, Tensor]:
    """(-log p, -log(1 - p)) of each channel's sigmoid."""
    if pixels.from_logits:
        return ops.softplus(-pixels.scores), ops.softplus(pixels.scores)
    half = pixels.half_precision
    return negative_log(pixels.scores, half_precision=half), negative_log(1 - pixels.scores, half_precision=half)


def _unchanged(nll: Tensor) -> Tensor:
    return nll


def _finite_where_unused(nll: Tensor, used: Tensor, pixels: Pixels) -> Tensor:
    """-log p with any finite number where it is not used: infinity times 0 is NaN, in the loss or in its gradient.

    Infinite logits make it infinite. Of probabilities it is finite, because they are clipped.
    """
    return ops.where(used, nll, 1.0) if pixels.from_logits else nll


def _read(used: Tensor, pixels: Pixels, *, plain: bool) -> Tensor:
    """Which of -log p are read: those `used`, without those of ignored pixels before a function that is not `plain`.

    The label of an ignored pixel is "no" in each channel, or has shares by smoothing. The gradient of a function of
    infinity may be NaN.
    """
    valid = pixels.labels.valid
    if plain or not pixels.from_logits:
        return used
    return ops.logical_and(used, valid if len(valid.shape) == len(used.shape) else ops.expand_dims(valid, -1))


def weighted_nll(
    pixels: Pixels,
    *,
    label_smoothing: float = 0.0,
    per_pixel: Callable[[Tensor], Tensor] | None = None,
    class_weights: Tensor = None,
) -> Tensor:
    """`sum_c w_c t_c f(-log p_c)`: (batch, height, width), or (..., channels) with "multilabel".

    Args:
        pixels: `Pixels`.
        label_smoothing: float. Share of each label given equally to all classes, or to yes and no.
        per_pixel: f, function of a tensor; None for the identity.
        class_weights: tensor as in `Pixels`, or None.
    """
    plain, per_pixel = per_pixel is None, per_pixel or _unchanged
    labels = pixels.labels
    if pixels.by_channel:
        target = pixels.target() * (1 - label_smoothing) + label_smoothing / 2
        yes, no = of_channels(pixels)
        yes = per_pixel(_finite_where_unused(yes, _read(target > 0, pixels, plain=plain), pixels))
        no = per_pixel(_finite_where_unused(no, _read(target < 1, pixels, plain=plain), pixels))
        if pixels.mode == "binary":
            if class_weights is not None:
                no, yes = no * class_weights[0], yes * class_weights[1]
            return ops.squeeze(target * yes + (1 - target) * no, axis=-1)
        values = target * yes + (1 - target) * no
        return values if class_weights is None else values * class_weights
    if labels.ids is not None and not label_smoothing:
        nll = of_ids(pixels)
        # Ignored pixels may have the label 0 here. The gradient of a function of infinity may be NaN.
        values = nll if plain else per_pixel(_finite_where_unused(nll, labels.valid, pixels))
        return values if class_weights is None else values * ops.take(class_weights, ops.maximum(labels.ids, 0))
    target = pixels.target() * (1 - label_smoothing) + label_smoothing / pixels.channels
    if class_weights is not None:
        target = target * class_weights
    if pixels.from_logits:
        nll = -ops.log_softmax(pixels.scores, axis=-1)
    else:
        nll = negative_log(pixels.scores, half_precision=pixels.half_precision)
    nll = _finite_where_unused(nll, _read(target > 0, pixels, plain=plain), pixels)
    return ops.sum(target * per_pixel(nll), axis=-1)


def counted(pixels: Pixels, values: Tensor) -> Tensor:
    """Which of `values` are not ignored, bool, in their shape."""
    valid = pixels.labels.valid
    if len(valid.shape) > len(values.shape):
        return ops.squeeze(valid, axis=-1)
    if len(valid.shape) < len(values.shape):
        return ops.broadcast_to(ops.expand_dims(valid, -1), ops.shape(values))
    return valid


def sample_weights(pixels: Pixels, values: Tensor) -> Tensor:
    """Sample weights that fit `values`, or None."""
    if pixels.weights is None or len(values.shape) == 3:
        return pixels.weights
    return ops.expand_dims(pixels.weights, -1)


def pixel_loss(
    pixels: Pixels,
    *,
    label_smoothing: float,
    per_pixel: Callable[[Tensor], Tensor] | None,
    reduction: str | None,
) -> Tensor:
    """`per_pixel` of -log p, weighted, reduced over the pixels that are not ignored."""
    losses = weighted_nll(
        pixels, label_smoothing=label_smoothing, per_pixel=per_pixel, class_weights=pixels.class_weights
    )
    weights = sample_weights(pixels, losses)
    return reading.poison(reduce(losses, counted(pixels, losses), weights, reduction), pixels.labels)
