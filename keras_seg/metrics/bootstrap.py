"""How far a score may be trusted: bootstrap over images.

The images of a data set are drawn anew, with repetition, many times; the spread of the score over these draws is what
another set of images of the same kind might have given. Images are drawn and not pixels, because the pixels of one
image are right or wrong together.
"""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg.metrics import scores


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A score and the interval of its draws.

    Attributes:
        value: float, the score of all images.
        low: float, below it lie half of the draws that are left out.
        high: float, above it lie the others.
        level: float, the share of the draws between.
        draws: float array, the score of each draw.
    """

    value: float
    low: float
    high: float
    level: float
    draws: np.ndarray = dataclasses.field(repr=False, compare=False)


def confidence_interval(image_matrices, *, score=scores.mean_iou, level=0.95, draws=1000, seed=0):
    """The score of a data set with a percentile bootstrap interval over its images.

    Each draw adds up the confusion matrices of as many images as there are, so that the score is always that of a data
    set and never a mean of images.

    Args:
        image_matrices: array (images, classes, classes) of counts, hist[true, predicted], such as
            `MetricSuite(keep_images=True).image_matrices`.
        score: function from one matrix to a float, or the name of one in `MetricSuite`, such as "mean_dice". Defaults
            to `mean_iou`.
        level: float in (0, 1), the share of the draws in the interval. Defaults to 0.95.
        draws: int >= 1. Defaults to 1000.
        seed: int >= 0; the same seed gives the same draws. Defaults to 0.

    Returns:
        An `Interval`.

    Raises:
        InputError: for arguments that do not fit, and fewer than two images.

    Examples:
        >>> image_matrices = [[[8, 2], [1, 9]], [[9, 1], [3, 7]], [[7, 3], [0, 10]]]
        >>> interval = confidence_interval(image_matrices)
        >>> round(interval.value, 3), round(interval.low, 3), round(interval.high, 3)
        (0.714, 0.664, 0.739)

    Reference:
        - [Efron & Tibshirani, 1993](https://doi.org/10.1201/9780429246593), chapter 13.
    """
    matrices, score = _checked("image_matrices", image_matrices), _function(score)
    drawn = _draw(len(matrices), level, draws, seed)
    return _interval(score(_total(matrices)), _of_draws(matrices, drawn, score), level)


def paired_difference(image_matrices, other_matrices, *, score=scores.mean_iou, level=0.95, draws=1000, seed=0):
    """How much better a model is than another on the same images, `score(first) - score(other)`, with its interval.

    Both models are judged on the same images of each draw, so that images hard for both do not widen the interval. An
    interval without 0 says that the difference is more than the choice of images.

    Args:
        image_matrices: array (images, classes, classes) of counts, hist[true, predicted], of the first model.
        other_matrices: the same of the other model, the same images in the same order.
        score: function from one matrix to a float, or the name of one in `MetricSuite`, such as "mean_dice". Defaults
            to `mean_iou`.
        level: float in (0, 1), the share of the draws in the interval. Defaults to 0.95.
        draws: int >= 1. Defaults to 1000.
        seed: int >= 0; the same seed gives the same draws. Defaults to 0.

    Returns:
        An `Interval`.

    Raises:
        InputError: for arguments that do not fit, fewer than two images, and when the truth of an image is not the same
            in both.

    Examples:
        >>> first = [[[9, 1], [1, 9]], [[9, 1], [2, 8]], [[8, 2], [0, 10]]]
        >>> other = [[[8, 2], [1, 9]], [[9, 1], [3, 7]], [[7, 3], [0, 10]]]
        >>> interval = paired_difference(first, other)
        >>> round(interval.value, 3), interval.low > 0
        (0.077, True)

    Reference:
        - [Efron & Tibshirani, 1993](https://doi.org/10.1201/9780429246593), chapter 13.
    """
    first, other = _checked("image_matrices", image_matrices), _checked("other_matrices", other_matrices)
    score = _function(score)
    if first.shape != other.shape:
        _validation.fail("other_matrices", f"must have the shape of `image_matrices`, {first.shape}", other.shape)
    different = np.flatnonzero((first.sum(axis=2) != other.sum(axis=2)).any(axis=1))
    if len(different):
        rule = "must be of the same images in the same order; the pixels of the classes differ"
        _validation.fail("other_matrices", rule, f"images {different[:8].tolist()}")
    drawn = _draw(len(first), level, draws, seed)
    differences = _of_draws(first, drawn, score) - _of_draws(other, drawn, score)
    return _interval(score(_total(first)) - score(_total(other)), differences, level)


def _function(score):
    if callable(score):
        return score
    mean = scores.MEANS[_validation.one_of("score", score, scores.MEANS)]
    return lambda matrix: float(mean(matrix, None, np))


def _checked(name, matrices):
    """Matrices as float64 (images, classes, classes), which holds counts to 2^53."""
    matrices = np.asarray(matrices, "float64")
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or len(matrices) < 2:
        _validation.fail(name, "must hold square confusion matrices of two images or more", matrices.shape)
    if not (matrices >= 0).all():
        _validation.fail(name, "must hold counts of at least 0", float(np.min(matrices)))
    return matrices


def _draw(images, level, draws, seed):
    """How often each image is in each draw, (draws, images)."""
    _validation.open_share("level", level)
    draws, seed = _validation.integer("draws", draws), _validation.integer("seed", seed, minimum=0)
    return np.random.default_rng(seed).multinomial(images, [1 / images] * images, size=draws).astype("float64")


def _total(matrices):
    return matrices.sum(axis=0)


def _of_draws(matrices, drawn, score):
    images, classes, _ = matrices.shape
    sums = (drawn @ matrices.reshape(images, -1)).reshape(-1, classes, classes)
    return np.array([score(matrix) for matrix in sums], "float64")


def _interval(value, draws, level):
    # A draw without a class that counts has no score, and tells nothing.
    low, high = np.nanquantile(draws, [(1 - level) / 2, (1 + level) / 2]) if np.isfinite(draws).any() else [np.nan] * 2
    return Interval(value=float(value), low=float(low), high=float(high), level=float(level), draws=draws)
