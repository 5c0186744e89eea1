"""The Lovasz extension of the Jaccard loss, shared by `LovaszSoftmax` and `LovaszHinge`."""

from keras import ops

from keras_seg._types import Tensor
from keras_seg.losses.overlap_loss import (
    checked_overlap_arguments,
    finish,
    mean_over_classes,
    resolve_absent,
    split_weights,
)
from keras_seg.losses.pixels import Pixels


def jaccard_steps(truth: Tensor, weights: Tensor) -> Tensor:
    """How much 1 - Jaccard grows with each further wrong pixel of 0/1 `truth`: (..., pixels), in that order.

    The published form takes differences of neighboring Jaccard indices, which for half a million pixels leaves one
    or two digits in float32. Multiplied out, nothing cancels: with I and U the intersection and union that remain
    after a step, the step is (U dt + I df) / (U U'), where U' = U - df and dt, df are the pixel's weight as part of the
    truth and of the rest. A pixel without weight has no step, so void pixels may stand anywhere.
    """
    true, false = weights * truth, weights * (1 - truth)
    total = ops.sum(true, axis=-1, keepdims=True)
    # With weights, rounding may leave values slightly below zero.
    intersection = ops.maximum(total - ops.cumsum(true, axis=-1), 0.0)
    added = ops.cumsum(false, axis=-1)
    union, before = total + added, total + added - false
    ready = before > 0
    step = (union * true + intersection * false) / ops.where(ready, union * before, 1.0)
    # Without a true pixel, 1 - Jaccard is 0 at first and 1 from the first error on.
    return ops.where(ready, step, ops.where(false > 0, 1.0, 0.0))


def extension(errors: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """`sum_i errors_i step_i`, errors in descending order: (...,) from (..., pixels); gradients go to `errors` only."""
    # Void pixels come last and have no weight: they change no step.
    ranked = ops.where(weights > 0, errors, -float("inf"))
    order = ops.argsort(-ops.stop_gradient(ranked), axis=-1)
    # The sign of the weight holds the truth: one gather less, and gathers are half the work after the sorting.
    signed = ops.take_along_axis(ops.where(truth > 0, weights, -weights), order, axis=-1)
    steps = jaccard_steps(ops.cast(signed > 0, signed.dtype), ops.abs(signed))
    return ops.sum(ops.relu(ops.take_along_axis(errors, order, axis=-1)) * ops.stop_gradient(steps), axis=-1)


def lovasz_loss(
    pixels: Pixels, errors: Tensor, *, per_image: bool, absent: str | None, reduction: str | None
) -> Tensor:
    """The mean over classes of the Lovasz extension of `errors`, which have the shape of the predictions."""
    checked_overlap_arguments(per_image, absent)
    pixel_weights, image_weights = split_weights(pixels, per_image=per_image)
    weights = ops.broadcast_to(pixels.mask(pixel_weights), ops.shape(errors))

    def rows(x: Tensor) -> Tensor:
        """(channels, pixels), or (batch, channels, pixels)."""
        if per_image:
            return ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (ops.shape(x)[0], pixels.channels, -1))
        return ops.reshape(ops.transpose(x, (3, 0, 1, 2)), (pixels.channels, -1))

    errors, truth, weights = rows(errors), rows(pixels.hard_target()), rows(weights)
    losses = extension(errors, truth, weights)
    present = ops.sum(truth * weights, axis=-1) > 0
    rule = resolve_absent(absent, pixels)
    if rule == "zero":
        losses = ops.where(present, losses, 1.0)
    enters = present if rule == "skip" else ops.ones_like(present)
    losses = mean_over_classes(losses, pixels.counted_classes(), enters, ops.sum(weights, axis=-1) > 0)
    return finish(losses, pixels, image_weights, per_image=per_image, reduction=reduction)
