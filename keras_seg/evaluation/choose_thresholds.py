"""Thresholds that are taken only where images out of fold show a gain."""

import abc
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_seg.evaluation.choose_postprocessing import least_images
from keras_seg.evaluation.threshold_choice import ThresholdChoice
from keras_seg.metrics.bootstrap import draw_images, interval_of

_SAMPLES, _LEVEL = 1000, 0.95


class Trials(abc.ABC):
    """What images count under each of several settings.

    Args:
        settings: sequence of dict. The settings.
        default: int. The position of the defaults among them.
        table: array (images, settings, ...). The counts of an image, or its score, under each.
    """

    def __init__(self, settings: Sequence[dict[str, Any]], *, default: int, table: np.ndarray) -> None:
        self.settings, self.default, self.table = settings, default, table

    @abc.abstractmethod
    def best(self, images: np.ndarray) -> int:
        """The position of the settings with the best score.

        Args:
            images: bool array (images,). The images that are scored.
        """

    @abc.abstractmethod
    def scores_of_counts(self, counts: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """The score of samples of the images, float array (samples,).

        Args:
            counts: array (images, ...). An entry of the table for each image.
            drawn: array (samples, images). How often each image is in a sample.
        """


def choose_thresholds(trials: Trials, *, groups: np.ndarray, folds: np.ndarray) -> ThresholdChoice:
    """Take the best settings if settings that are chosen in this way help on images that they were not chosen on.

    The best of many settings looks good by chance on the images that it was chosen on. So the settings for the images
    of each fold are chosen on those of the other folds, and what they gain over the defaults, paired by images, is the
    gain of choosing. If its interval lies above 0, the best settings on all images are taken; otherwise the defaults.
    As many images must change as for one trial of `choose_postprocessing`.

    Args:
        trials: `Trials`.
        groups: int array (images,). The group of each image: those of one group are drawn together and count as one.
        folds: int array (images,). The fold of each image; at least two occur.
    """
    images = np.arange(len(folds))
    best = trials.best(np.full(len(folds), True))
    of_images = np.zeros(len(folds), int)
    for fold in np.unique(folds):
        of_images[folds == fold] = trials.best(folds != fold)
    defaults, chosen = (trials.table[images, setting] for setting in (trials.default, of_images))
    differs = (defaults != chosen).reshape(len(folds), -1).any(axis=1)
    _, numbers = np.unique(groups, return_inverse=True)
    drawn = draw_images(int(numbers.max()) + 1, _SAMPLES, 0, _LEVEL)[:, numbers]
    gains = [
        trials.scores_of_counts(chosen, weights) - trials.scores_of_counts(defaults, weights)
        for weights in (np.ones((1, len(folds))), drawn)
    ]
    gain = interval_of(float(gains[0][0]), gains[1], _LEVEL)
    changed = len(np.unique(groups[differs]))
    taken = gain.low > 0 and changed >= least_images() and best != trials.default
    return ThresholdChoice(
        settings=dict(trials.settings[best]) if taken else {},
        best=dict(trials.settings[best]),
        gain=gain,
        changed=changed,
        images=len(folds),
    )
