"""The Lovasz extension of the Jaccard loss: what `LovaszSoftmax` and `LovaszHinge` have in common."""

from keras import ops

from keras_seg import _validation
from keras_seg.losses import overlap_loss
from keras_seg.losses.segmentation_loss import SegmentationLoss


def jaccard_steps(truth, weights):
    """How much 1 - Jaccard grows as each further pixel, of 0/1 `truth`, is got wrong: (..., pixels), in that order.

    The published form takes differences of neighboring Jaccard indices, which for half a million pixels leaves a digit
    or two in float32. Multiplied out there is nothing to cancel: with I and U the intersection and union that are left
    after a step, the step is (U dt + I df) / (U U'), where U' = U - df and dt, df are the pixel's weight as part of the
    truth and of the rest. A pixel of no weight has no step, so void pixels may stand anywhere.
    """
    true, false = weights * truth, weights * (1 - truth)
    total = ops.sum(true, axis=-1, keepdims=True)
    # Rounding may leave a little below zero where there are weights.
    intersection = ops.maximum(total - ops.cumsum(true, axis=-1), 0.0)
    added = ops.cumsum(false, axis=-1)
    union, before = total + added, total + added - false
    ready = before > 0
    step = (union * true + intersection * false) / ops.where(ready, union * before, 1.0)
    # Without a pixel of truth 1 - Jaccard is 0 at first and 1 from the first error on.
    return ops.where(ready, step, ops.where(false > 0, 1.0, 0.0))


def extension(errors, truth, weights):
    """`sum_i errors_i step_i`, errors in descending order: (...,) from (..., pixels); gradients go to `errors` only."""
    # Void pixels last, and of no weight: they change no step.
    ranked = ops.where(weights > 0, errors, -float("inf"))
    order = ops.argsort(-ops.stop_gradient(ranked), axis=-1)
    # The truth goes as the sign of the weight: reading in sorted order is half the work after the sorting.
    signed = ops.take_along_axis(ops.where(truth > 0, weights, -weights), order, axis=-1)
    steps = jaccard_steps(ops.cast(signed > 0, signed.dtype), ops.abs(signed))
    return ops.sum(ops.relu(ops.take_along_axis(errors, order, axis=-1)) * ops.stop_gradient(steps), axis=-1)


class LovaszLoss(SegmentationLoss):
    """Base of the Lovasz losses: arguments, sorting, empty classes. A subclass defines `errors(pixels, truth)`.

    Args:
        ignore_class: as `SegmentationLoss`; so are class_weights, from_logits, mode, reduction and name.
        per_image: bool, whether to sort the pixels of each image rather than of the batch.
        absent: str, "skip", "zero" or "count", what an absent class does.
    """

    def __init__(self, *, ignore_class, class_weights, from_logits, per_image, absent, mode, reduction, name):
        super().__init__(
            ignore_class=ignore_class,
            class_weights=class_weights,
            from_logits=from_logits,
            mode=mode,
            reduction=reduction,
            name=name,
        )
        if not isinstance(per_image, bool):
            _validation.fail("per_image", "must be True or False", per_image)
        self.per_image = per_image
        self.absent = _validation.one_of("absent", absent, overlap_loss.ABSENT)

    def errors(self, pixels, truth):
        """How wrong each channel of each pixel is, in the shape of the predictions."""
        raise NotImplementedError

    def call(self, y_true, y_pred, sample_weight=None):
        """The loss, reduced."""
        pixels = self.read(y_true, y_pred, sample_weight)
        pixel_weights, image_weights = overlap_loss.split_weights(pixels, self.per_image)
        truth = pixels.hard_target()
        errors = self.errors(pixels, truth)
        weights = ops.broadcast_to(pixels.mask(pixel_weights), ops.shape(errors))

        def rows(x):
            """(channels, pixels), or (batch, channels, pixels)."""
            if self.per_image:
                return ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (ops.shape(x)[0], pixels.channels, -1))
            return ops.reshape(ops.transpose(x, (3, 0, 1, 2)), (pixels.channels, -1))

        errors, truth, weights = rows(errors), rows(truth), rows(weights)
        losses = extension(errors, truth, weights)
        present = ops.sum(truth * weights, axis=-1) > 0
        something = ops.sum(weights, axis=-1) > 0
        judged = pixels.judged() + ops.zeros_like(losses)
        if self.absent == "skip":
            judged = ops.where(present, judged, 0.0)
        elif self.absent == "zero":
            losses = ops.where(present, losses, 1.0)
        judged = ops.where(something, judged, 0.0)
        mass = ops.sum(judged, axis=-1)
        losses = ops.sum(judged * losses, axis=-1) / ops.where(mass > 0, mass, 1.0)
        return overlap_loss.finish(losses, pixels, image_weights, per_image=self.per_image, reduction=self.reduction)

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "per_image": self.per_image, "absent": self.absent}
