"""Soft overlap counts and their mean over classes: what IoU, Dice and Tversky losses have in common."""

from typing import Any, NamedTuple

from keras import ops

from keras_seg import _validation
from keras_seg._labels import reading
from keras_seg.losses.reduction import reduce
from keras_seg.losses.segmentation_loss import SegmentationLoss

ABSENT = ("skip", "zero", "count")


class Overlap(NamedTuple):
    """Soft counts, each (classes,), or (batch, classes) per image. False positives are predicted - intersection."""

    intersection: Any
    """sum of p t"""
    predicted: Any
    """sum of p"""
    target: Any
    """sum of t"""
    pixels: Any
    """How many pixels (or how much weight) the sums are over: (1,) or (classes,), or (batch, ...) per image."""


def count(pixels, weights, per_image):
    """The soft counts over the pixels that count, weighted by `weights` (broadcast to pixels) or None."""
    axes = (1, 2) if per_image else (0, 1, 2)
    probabilities, target, mask = pixels.probabilities(), pixels.target(), pixels.mask(weights)
    if weights is not None:
        target = target * ops.expand_dims(weights, -1)
    # Labels are zero where a pixel does not count, so the intersection needs no mask of its own.
    return Overlap(
        intersection=ops.sum(probabilities * target, axis=axes),
        predicted=ops.sum(probabilities * mask, axis=axes),
        target=ops.sum(target, axis=axes),
        pixels=ops.sum(mask, axis=axes),
    )


def ratio(numerator, denominator, present):
    """The quotient where the class is present and 0 elsewhere, with finite gradients in both places."""
    return ops.where(present, numerator, 0.0) / ops.where(present, denominator, 1.0)


def mean_over_classes(class_losses, overlap, judged, absent):
    """The mean of `class_losses`, weighted by `judged`, () or (batch,).

    A class that is absent from the target is left out ("skip"), has the loss 1 ("zero"), or the mean probability given
    to it ("count"). With no class to judge the mean is 0.
    """
    present = overlap.target > 0
    something = overlap.pixels > 0
    judged = judged + ops.zeros_like(class_losses)
    if absent == "skip":
        judged = ops.where(present, judged, 0.0)
    elif absent == "zero":
        class_losses = ops.where(present, class_losses, 1.0)
        judged = ops.where(something, judged, 0.0)
    else:
        share = overlap.predicted / ops.where(something, overlap.pixels, 1.0)
        class_losses = ops.where(present, class_losses, share)
        judged = ops.where(something, judged, 0.0)
    mass = ops.sum(judged, axis=-1)
    return ops.sum(judged * class_losses, axis=-1) / ops.where(mass > 0, mass, 1.0)


def split_weights(pixels, per_image):
    """(weights of pixels, weights of images): one weight for a whole image weighs the image where each has a loss.

    It would cancel out of the image's ratio.
    """
    weights = pixels.weights
    if per_image and weights is not None and tuple(weights.shape[1:]) == (1, 1):
        return None, ops.reshape(weights, (-1,))
    return weights, None


def finish(losses, pixels, image_weights, *, per_image, reduction):
    """The loss from that of the batch, (), or those of the images, (batch,): images without valid pixels left out."""
    if per_image:
        valid = pixels.labels.valid
        counted = ops.any(valid, axis=tuple(range(1, len(valid.shape))))
        losses = reduce(losses, counted, image_weights, reduction)
    return reading.poison(losses, pixels.labels)


class OverlapLoss(SegmentationLoss):
    """Base of the losses that are a mean over classes of a ratio of soft counts: arguments, counting, empty classes.

    A subclass defines `class_losses(overlap)`, or `call`.

    Args:
        ignore_class: as `SegmentationLoss`; so are class_weights, from_logits, mode, reduction and name.
        per_image: bool, whether the counts are those of each image rather than of the batch.
        absent: str, "skip", "zero" or "count", what an absent class does.
        smooth: float >= 0, pixels added to the numerator and the denominator of classes that are present.
        allowed: tuple of str, the values of `absent` that the subclass knows.
    """

    def __init__(
        self,
        *,
        ignore_class,
        class_weights,
        from_logits,
        per_image,
        absent,
        smooth,
        mode,
        reduction,
        name,
        allowed=ABSENT,
    ):
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
        self.absent = _validation.one_of("absent", absent, allowed)
        self.smooth = _validation.number("smooth", smooth, minimum=0)

    def class_losses(self, overlap):
        """The loss of each class from the counts; 1 or whatever is finite where a class is absent."""
        raise NotImplementedError

    def combine(self, overlap, judged):
        """The loss () or (batch,) from the counts and the weights of the classes."""
        return mean_over_classes(self.class_losses(overlap), overlap, judged, self.absent)

    def call(self, y_true, y_pred, sample_weight=None):
        """The loss, reduced."""
        pixels = self.read(y_true, y_pred, sample_weight)
        pixel_weights, image_weights = split_weights(pixels, self.per_image)
        overlap = count(pixels, pixel_weights, self.per_image)
        return finish(
            self.combine(overlap, pixels.judged()),
            pixels,
            image_weights,
            per_image=self.per_image,
            reduction=self.reduction,
        )

    def get_config(self):
        """The arguments, as the constructor takes them."""
        return {**super().get_config(), "per_image": self.per_image, "absent": self.absent, "smooth": self.smooth}
