"""Soft overlap counts and their mean over classes: shared by IoU, Dice and Tversky losses."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

from keras import ops

from keras_seg import _ops, _validation
from keras_seg._labels import reading
from keras_seg._types import Tensor
from keras_seg.losses.pixels import Pixels
from keras_seg.losses.reduction import reduce

ABSENT = ("skip", "zero", "count")


def checked_overlap_arguments(
    per_image: Any, absent: Any, smooth: Any = None, *, allowed: tuple[str, ...] = ABSENT
) -> dict[str, Any]:
    """The arguments that all losses that are a mean over classes share, checked; `smooth` only where there is one."""
    if absent is not None:
        _validation.one_of("absent", absent, allowed)
    checked = {"per_image": _validation.boolean("per_image", per_image), "absent": absent}
    return checked if smooth is None else {**checked, "smooth": _validation.number("smooth", smooth, minimum=0)}


def resolve_absent(absent: str | None, pixels: Pixels) -> str:
    """The rule that None stands for: on a binary mask "skip" would leave nothing to count."""
    return absent or ("count" if pixels.by_channel else "skip")


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


def count(pixels: Pixels, weights: Tensor, *, per_image: bool) -> Overlap:
    """The soft counts over the pixels that are not ignored, weighted by `weights` (broadcast to pixels) or None.

    Summed along rows first: a sum over a million pixels in one go is off by 1e-5 in float32, and a gradient that is a
    difference of two such sums by 6e-4.
    """
    rows = _ops.in_one_pass(functools.partial(_rows, pixels), pixels.scores, pixels.labels, weights)
    axes = (1,) if per_image else (0, 1)
    return Overlap(*(ops.sum(counts, axis=axes) for counts in rows))


def _rows(pixels: Pixels, scores: Tensor, labels: reading.Labels, weights: Tensor) -> Overlap:
    """The soft counts of each row of each image, (batch, height, channels or 1), for these tensors of `pixels`."""
    pixels = pixels._replace(scores=scores, labels=labels)
    probabilities, target, mask = pixels.probabilities(), pixels.target(), pixels.mask(weights)
    if weights is not None:
        target = target * ops.expand_dims(weights, -1)
    # Labels are zero on ignored pixels, so the intersection needs no mask.
    maps = probabilities * target, probabilities * mask, target, mask
    return Overlap(*(ops.sum(values, axis=2) for values in maps))


def ratio(numerator: Tensor, denominator: Tensor, present: Tensor) -> Tensor:
    """The quotient where the class is present and 0 elsewhere, with finite gradients in both places."""
    return ops.where(present, numerator, 0.0) / ops.where(present, denominator, 1.0)


def mean_over_classes(class_losses: Tensor, counted: Tensor, present: Tensor, some_pixels: Tensor) -> Tensor:
    """The mean of `class_losses`, weighted by `counted`, () or (batch,); 0 if no class is counted.

    `present` says which classes count, `some_pixels` which have a pixel of any weight.
    """
    counted = ops.where(ops.logical_and(present, some_pixels), counted + ops.zeros_like(class_losses), 0.0)
    mass = ops.sum(counted, axis=-1)
    return ops.sum(counted * class_losses, axis=-1) / ops.where(mass > 0, mass, 1.0)


def mean_of_overlaps(class_losses: Tensor, overlap: Overlap, counted: Tensor, absent: str) -> Tensor:
    """The mean of `class_losses` over classes, () or (batch,).

    A class that is absent from the target is excluded ("skip"), has the loss 1 ("zero"), or the mean probability given
    to it ("count").
    """
    present = overlap.target > 0
    some_pixels = overlap.pixels > 0
    if absent == "skip":
        return mean_over_classes(class_losses, counted, present, some_pixels)
    share = 1.0 if absent == "zero" else overlap.predicted / ops.where(some_pixels, overlap.pixels, 1.0)
    class_losses = ops.where(present, class_losses, share)
    return mean_over_classes(class_losses, counted, ops.ones_like(present), some_pixels)


def split_weights(pixels: Pixels, *, per_image: bool) -> tuple[Tensor, Tensor]:
    """(weights of pixels, weights of images): with one loss per image, a weight per image weighs that loss.

    It would cancel out of the image's ratio.
    """
    weights = pixels.weights
    if per_image and weights is not None and tuple(weights.shape[1:]) == (1, 1):
        return None, ops.reshape(weights, (-1,))
    return weights, None


def finish(losses: Tensor, pixels: Pixels, image_weights: Tensor, *, per_image: bool, reduction: str | None) -> Tensor:
    """The loss from that of the batch, (), or those of the images, (batch,), excluding images without valid pixels."""
    if per_image:
        valid = pixels.labels.valid
        counted = ops.any(valid, axis=tuple(range(1, len(valid.shape))))
        losses = reduce(losses, counted, image_weights, reduction)
    return reading.poison(losses, pixels.labels)


def overlap_loss(
    pixels: Pixels,
    class_losses: Callable[[Overlap], Tensor],
    *,
    per_image: bool,
    absent: str | None,
    smooth: float,
    reduction: str | None,
) -> Tensor:
    """The mean over classes of `class_losses`, a function of `Overlap` that is finite also where a class is absent."""
    checked_overlap_arguments(per_image, absent, smooth)

    def mean(overlap: Overlap, counted: Tensor) -> Tensor:
        return mean_of_overlaps(class_losses(overlap), overlap, counted, resolve_absent(absent, pixels))

    return loss_of_counts(pixels, mean, per_image=per_image, reduction=reduction)


def loss_of_counts(
    pixels: Pixels, combine: Callable[[Overlap, Tensor], Tensor], *, per_image: bool, reduction: str | None
) -> Tensor:
    """The loss that `combine` makes, () or (batch,), of the soft counts and the weights (channels,) of the classes."""
    pixel_weights, image_weights = split_weights(pixels, per_image=per_image)
    losses = combine(count(pixels, pixel_weights, per_image=per_image), pixels.counted_classes())
    return finish(losses, pixels, image_weights, per_image=per_image, reduction=reduction)
