"""Soft overlap counts and their mean over classes: what IoU, Dice and Tversky losses have in common."""

from typing import Any, NamedTuple

from keras import ops

from keras_seg import _labels as label_reading

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
    """How many pixels (or how much weight) the sums are over: () or (batch, 1)."""


def count(probabilities, labels, weights, per_image):
    """The soft counts over the pixels that count, weighted by `weights` (broadcast to pixels) or None."""
    axes = (1, 2) if per_image else (0, 1, 2)
    target = label_reading.one_hot(labels, probabilities.shape[-1], probabilities.dtype)
    mask = ops.cast(labels.valid, probabilities.dtype)
    if weights is not None:
        mask = mask * weights
        target = target * ops.expand_dims(weights, -1)
    # Labels are zero where a pixel does not count, so the intersection needs no mask of its own.
    return Overlap(
        intersection=ops.sum(probabilities * target, axis=axes),
        predicted=ops.sum(probabilities * ops.expand_dims(mask, -1), axis=axes),
        target=ops.sum(target, axis=axes),
        pixels=ops.expand_dims(ops.sum(mask, axis=axes), -1),
    )


def mean_over_classes(class_losses, overlap, ignored, class_weights, absent):
    """The weighted mean of `class_losses` over the classes that are judged, () or (batch,).

    Ignored classes are never judged. A class that is absent from the target is left out ("skip"), has the loss 1
    ("zero"), or the mean probability given to it ("count"). With no class to judge the mean is 0.
    """
    num_classes = class_losses.shape[-1]
    dtype = class_losses.dtype
    judged = ops.convert_to_tensor([float(index not in ignored) for index in range(num_classes)], dtype=dtype)
    if class_weights is not None:
        judged = judged * class_weights
    present = overlap.target > 0
    something = overlap.pixels > 0
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
