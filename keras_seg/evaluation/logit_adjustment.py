"""How far the class weights of a loss are taken back in the scores of a trained model."""

from collections.abc import Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_seg.data import FolderIndex
from keras_seg.data.index.example_groups import group_members
from keras_seg.evaluation.batching import each_prediction, labeled_classes, output_channels
from keras_seg.evaluation.choose_postprocessing import least_images
from keras_seg.evaluation.counted_iou import mean_iou
from keras_seg.metrics import Interval
from keras_seg.metrics.bootstrap import draw_images, interval_of
from keras_seg.metrics.ratios import counted_classes

STRENGTHS = (0.25, 0.5, 0.75, 1.0)
_SAMPLES, _LEVEL = 10_000, 0.95
# Where the gain hardly grows any more, rare classes lose what frequent ones gain.
_ENOUGH = 0.75


class LogitAdjustment(NamedTuple):
    """What was chosen."""

    strength: float
    """0 for nothing to 1."""
    gain: Interval | None
    """In mean IoU on the images it was chosen on; None where nothing was chosen."""


def offsets(class_weights: Sequence[float], strength: float, *, channels: int) -> np.ndarray:
    """What is added to the logits: of the classes, or of one channel for the second of two classes."""
    logs = -strength * np.log(np.asarray(class_weights, "float64"))
    return logs[1:] - logs[:1] if channels == 1 else logs


def choose_logit_adjustment(
    model: keras.Model, index: FolderIndex, class_weights: Sequence[float], *, images: int = 100, seed: int = 0
) -> LogitAdjustment:
    """Choose on validation images how far the class weights of the loss are taken back.

    A model that was trained with a cross-entropy of weights w predicts probabilities proportional to w p instead of p:
    weights help it to learn rare classes, and then make it predict too much of them. `-strength * log(w)` is added to
    the logits. The smallest of the `STRENGTHS` is taken that has three quarters of the largest gain in mean IoU, of
    those whose paired bootstrap interval lies above 0 at the level that as many trials ask for.

    Args:
        model: keras.Model of probabilities.
        index: `FolderIndex`.
        class_weights: sequence of float, one per class, those of the loss.
        images: int. The largest number of images to use, evenly spread. Defaults to 100.
        seed: int >= 0. Of the bootstrap. Defaults to 0.

    Returns:
        A `LogitAdjustment`, with the strength 0 where no gain is certain, or there are too few images to tell.

    Reference:
        Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.1, there with the frequencies.
    """
    chosen = index.sample(images)
    groups = group_members(chosen, chosen.group_by)
    if len(groups) < least_images(len(STRENGTHS)):
        return LogitAdjustment(0.0, None)
    # Images of a group are drawn together, so that their sums are enough.
    counts = _counts(model, chosen, class_weights)
    right, union = np.stack([counts[:, :, positions].sum(axis=2) for positions in groups], axis=2)
    level = 1 - (1 - _LEVEL) / len(STRENGTHS)
    drawn = draw_images(len(groups), _SAMPLES, seed, level)
    values = mean_iou(right.sum(axis=1), union.sum(axis=1))
    of_samples = mean_iou(drawn @ right, drawn @ union)
    gains = [
        interval_of(float(value - values[0]), samples - of_samples[0], level)
        for value, samples in zip(values[1:], of_samples[1:], strict=True)
    ]
    certain = [(strength, gain) for strength, gain in zip(STRENGTHS, gains, strict=True) if gain.low > 0]
    enough = _ENOUGH * max((gain.value for _, gain in certain), default=0.0)
    return next((LogitAdjustment(*pair) for pair in certain if pair[1].value >= enough), LogitAdjustment(0.0, None))


def _counts(model: keras.Model, index: FolderIndex, class_weights: Sequence[float]) -> np.ndarray:
    """Right pixels, and the union of true and predicted ones: (2, 1 + strengths, images, classes), unadjusted first.

    Zero for ignored classes, which thus occur nowhere and are not in the mean.
    """
    classes, channels = len(class_weights), output_channels(model)
    factors = [np.exp(offsets(class_weights, s, channels=channels)).astype("float32") for s in (0.0, *STRENGTHS)]
    labeled = labeled_classes(index, split=None, ignore_class=None, model_classes=classes, batch_size=None)
    counts = np.zeros((2, len(factors), len(index), classes))
    for position, mask, scores in each_prediction(model, labeled):
        known = ~np.isin(mask, labeled.ignore_class)
        true, scores = mask[known], scores[known]
        of_truth = np.bincount(true, minlength=classes)
        for number, factor in enumerate(factors):
            odds = scores * factor
            ids = (odds[:, 0] > 1 - scores[:, 0]).astype("int64") if channels == 1 else odds.argmax(axis=-1)
            hits = np.bincount(true[ids == true], minlength=classes)
            counts[0, number, position] = hits
            counts[1, number, position] = of_truth + np.bincount(ids, minlength=classes) - hits
    return counts * counted_classes(classes, labeled.ignore_class)
