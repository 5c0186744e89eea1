"""How reliable a score is: bootstrap over images.

The images of a data set are resampled with replacement many times; the spread of the score over these samples
estimates what another set of images of the same kind would have given. Images are resampled, not pixels, because errors
within an image are correlated.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike, IgnoreClass
from keras_seg.metrics import scores
from keras_seg.metrics.ratios import counted_classes, defined, mask_ignored


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """A score and its bootstrap interval.

    Attributes:
        value: float. The score of all images.
        low: float. Half of the excluded samples score lower.
        high: float. The other half score higher.
        level: float. The share of the samples in the interval.
        samples: float array. The score of each sample.
    """

    value: float
    low: float
    high: float
    level: float
    samples: np.ndarray = dataclasses.field(repr=False, compare=False)


def numbers_of(interval: Interval | None) -> dict[str, float | None] | None:
    """The value and the ends for JSON; None without an interval."""
    if interval is None:
        return None
    return {name: defined(getattr(interval, name)) for name in ("value", "low", "high")}


def confidence_interval(
    image_matrices: ArrayLike,
    *,
    ignore_class: IgnoreClass = None,
    score: Callable[[np.ndarray], float] | str = scores.mean_iou,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The score of a data set with a percentile bootstrap interval over its images.

    Each sample adds up the confusion matrices of as many images as there are, so the score is always that of a data set
    and never a mean over images.

    Args:
        image_matrices: array (images, classes, classes). Counts, hist[true, predicted], such as
            `MetricSuite(keep_images=True).image_matrices`.
        ignore_class: None, int or sequence of int. Classes to drop, as in `metrics.scores`: the matrices do not say
            which classes were ignored when pixels were counted. Defaults to None.
        score: function from one matrix to a float, or the name of one in `MetricSuite`, such as "mean_dice".
            `ignore_class` is passed on to those of `metrics.scores`; other functions drop classes themselves. Defaults
            to `mean_iou`.
        samples: int >= 1. Number of bootstrap samples. Defaults to 1000.
        seed: int >= 0. The same seed gives the same samples. Defaults to 0.
        level: float in (0, 1). The share of the samples in the interval. Defaults to 0.95.

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
    matrices, score_of = _checked("image_matrices", image_matrices), _function(score, ignore_class)
    drawn = draw_images(len(matrices), samples, seed, level)
    value = _number(score_of(_total(matrices)))
    return interval_of(value, scores_of_samples(matrices, drawn, score_of), level)


def iou_intervals(
    image_matrices: ArrayLike,
    *,
    ignore_class: IgnoreClass = None,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> np.ndarray:
    """The IoU of each class with a percentile bootstrap interval over the images.

    A sample in which a class occurs nowhere has no IoU for it, and is left out of its interval.

    Args:
        image_matrices: array (images, classes, classes). Counts, hist[true, predicted], of two images or more.

    Other arguments: those of `confidence_interval`.

    Returns:
        float64 array (classes, 3): value, low and high; NaN for ignored classes and for one that occurs nowhere.

    Raises:
        InputError: for arguments that do not fit, and fewer than two images.

    Examples:
        >>> iou_intervals([[[8, 2], [1, 9]], [[9, 1], [3, 7]], [[7, 3], [0, 10]]]).round(2).tolist()
        [[0.71, 0.69, 0.73], [0.72, 0.64, 0.77]]
    """
    matrices = _checked("image_matrices", image_matrices)
    drawn = draw_images(len(matrices), samples, seed, level)
    values = iou_of_samples(matrices, np.ones((1, len(matrices))), ignore_class)[0]
    of_samples = iou_of_samples(matrices, drawn, ignore_class)
    ends = [interval_of(value, column, level) for value, column in zip(values, of_samples.T, strict=True)]
    return np.array([(interval.value, interval.low, interval.high) for interval in ends])


def paired_difference(
    image_matrices: ArrayLike,
    other_matrices: ArrayLike,
    *,
    ignore_class: IgnoreClass = None,
    score: Callable[[np.ndarray], float] | str = scores.mean_iou,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """How much better a model is than another on the same images, `score(first) - score(other)`, with its interval.

    Both models are evaluated on the same images of each sample, so images that are hard for both do not widen the
    interval. If the interval excludes 0, the difference is more than the choice of images.

    Args:
        image_matrices: array (images, classes, classes). Counts, hist[true, predicted], of the first model.
        other_matrices: array (images, classes, classes). The same of the other model, the same images in the same
            order.

    Other arguments: those of `confidence_interval`.

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
    score_of = _function(score, ignore_class)
    if first.shape != other.shape:
        _validation.fail("other_matrices", f"must have the shape of `image_matrices`, {first.shape}", other.shape)
    different = np.flatnonzero((first.sum(axis=2) != other.sum(axis=2)).any(axis=1))
    if len(different):
        rule = "must be of the same images in the same order; the pixels of the classes differ"
        _validation.fail("other_matrices", rule, f"images {different[:8].tolist()}")
    drawn = draw_images(len(first), samples, seed, level)
    value = _number(score_of(_total(first))) - _number(score_of(_total(other)))
    differences = scores_of_samples(first, drawn, score_of) - scores_of_samples(other, drawn, score_of)
    return interval_of(value, differences, level)


def _function(score: Any, ignore_class: IgnoreClass) -> Any:
    """The function of one matrix that `score` stands for, without the ignored classes."""
    function = score if callable(score) else scores.MEANS[_validation.one_of("score", score, scores.MEANS)]
    ignored = _validation.ignored_classes(ignore_class)
    if not ignored:
        return function
    if function not in scores.MEANS.values():
        fix = "Let `score` drop the classes itself."
        _validation.fail("ignore_class", "applies to the means of `metrics.scores` only", ignore_class, fix)
    return functools.partial(function, ignore_class=ignored)


def _number(value: Any) -> float:
    """What `score` gives for all images, if that is one number."""
    if np.ndim(value):
        fix = "The intervals of the classes are those of `iou_intervals`."
        _validation.fail("score", "must give one number for a matrix", f"an array of shape {np.shape(value)}", fix)
    return float(value)


def _checked(name: str, matrices: ArrayLike) -> np.ndarray:
    """Matrices as float64 (images, classes, classes), which holds counts to 2^53."""
    matrices = np.asarray(matrices, "float64")
    if matrices.ndim != 3 or matrices.shape[1] != matrices.shape[2] or len(matrices) < 2:
        _validation.fail(name, "must hold square confusion matrices of two images or more", matrices.shape)
    if not (matrices >= 0).all():
        _validation.fail(name, "must hold counts of at least 0", float(np.min(matrices)))
    return matrices


def draw_images(images: int, samples: int, seed: int, level: float) -> np.ndarray:
    """How often each image is in each sample, (samples, images)."""
    _validation.open_share("level", level)
    samples, seed = _validation.integer("samples", samples), _validation.integer("seed", seed, minimum=0)
    return np.random.default_rng(seed).multinomial(images, [1 / images] * images, size=samples).astype("float64")


def _total(matrices: np.ndarray) -> np.ndarray:
    return matrices.sum(axis=0)


def scores_of_samples(matrices: np.ndarray, drawn: np.ndarray, score: Callable[[np.ndarray], float]) -> np.ndarray:
    """The score of each sample, (samples,), of matrices (images, classes, classes) and `draw_images`."""
    images, classes, _ = matrices.shape
    sums = (drawn @ matrices.reshape(images, -1)).reshape(-1, classes, classes)
    return np.array([score(matrix) for matrix in sums], "float64")


def iou_of_samples(matrices: np.ndarray, drawn: np.ndarray, ignore_class: IgnoreClass = None) -> np.ndarray:
    """The IoU of each class in each sample, (samples, classes); NaN where it is ignored or occurs nowhere."""
    matrices = matrices * counted_classes(matrices.shape[1], ignore_class)[:, None]
    hits = np.diagonal(matrices, axis1=1, axis2=2)
    union = matrices.sum(axis=1) + matrices.sum(axis=2) - hits
    with np.errstate(invalid="ignore"):
        iou = (drawn @ hits) / (drawn @ union)
    return mask_ignored(iou, ignore_class, np)


def interval_of(value: float, samples: np.ndarray, level: float) -> Interval:
    """The interval of a score, from its bootstrap samples."""
    low = high = np.nan
    if np.isfinite(samples).any():
        # A sample without any class that counts has no score and is excluded.
        low, high = np.nanquantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return Interval(value=float(value), low=float(low), high=float(high), level=float(level), samples=samples)
