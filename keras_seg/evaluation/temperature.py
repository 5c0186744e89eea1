"""Temperature scaling: one number that makes the probabilities of a model as sure as they are right."""

import dataclasses

import numpy as np

from keras_seg import _validation
from keras_seg._types import ArrayLike

# Temperatures outside are those of models that are always right, or no better than chance.
_LOWEST, _HIGHEST = 0.05, 20.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Calibration:
    """How sure a model is and how often it is right, before and after dividing its logits by a temperature.

    Attributes:
        temperature: float. Above 1 where the model is too sure.
        pixels: int. Number of pixels it was fitted on.
        nll: float. Mean negative log-likelihood of the true classes before.
        scaled_nll: float. The same after.
        error: float. Expected calibration error before.
        scaled_error: float. The same after.
        diagram: float array (bins, 3). Mean confidence, accuracy and number of pixels of each bin before; NaN in an
            empty bin.
        scaled_diagram: float array (bins, 3). The same after.
    """

    temperature: float
    pixels: int
    nll: float
    scaled_nll: float
    error: float
    scaled_error: float
    diagram: np.ndarray
    scaled_diagram: np.ndarray


def fit_temperature(logits: ArrayLike, y_true: ArrayLike, *, bins: int = 15) -> Calibration:
    """Fit the temperature at which the negative log-likelihood of labeled pixels is lowest.

    Dividing the logits by a temperature changes no decision, only the confidence. The temperature lies between 0.05 and
    20.

    Args:
        logits: float array (pixels, classes). Logits or log-probabilities, of images that the model was not trained on.
        y_true: int array (pixels,). The true classes; leave out ignored pixels.
        bins: int >= 1. Bins of the diagrams and of the expected calibration error. Defaults to 15.

    Returns:
        A `Calibration`.

    Raises:
        InputError: the arrays do not belong together, the logits are not finite, or a label is not a class.

    Examples:
        >>> logits = np.log([[0.9, 0.1]] * 10)
        >>> found = fit_temperature(logits, [0] * 7 + [1] * 3)  # 90 % sure, 70 % right: log 9 / log (7 / 3)
        >>> round(found.temperature, 3)
        2.593

    Reference:
        - [Guo et al., 2017](https://arxiv.org/abs/1706.04599), section 4.2.
    """
    logits, y_true, bins = np.asarray(logits, "float64"), np.asarray(y_true), _validation.integer("bins", bins)
    if logits.ndim != 2 or logits.shape[1] < 2 or not len(logits) or not np.isfinite(logits).all():
        rule = "must be finite numbers (pixels, classes) of at least one pixel and two classes"
        _validation.fail("logits", rule, logits.shape, "Clip log-probabilities, such as np.log(np.maximum(p, 1e-9)).")
    if y_true.shape != logits.shape[:1] or y_true.dtype.kind not in "iu":
        _validation.fail("y_true", "must hold an integer class per pixel", (y_true.shape, str(y_true.dtype)))
    if y_true.min() < 0 or y_true.max() >= logits.shape[1]:
        found = (int(y_true.min()), int(y_true.max()))
        _validation.fail("y_true", f"must hold classes in 0..{logits.shape[1] - 1}", found, "Leave out other pixels.")
    inverse = _lowest_nll(logits, y_true)
    before, after = (_diagram(logits * factor, y_true, bins) for factor in (1.0, inverse))
    return Calibration(
        temperature=1 / inverse,
        pixels=len(logits),
        nll=_nll(logits, y_true),
        scaled_nll=_nll(logits * inverse, y_true),
        error=_calibration_error(before),
        scaled_error=_calibration_error(after),
        diagram=before,
        scaled_diagram=after,
    )


def _lowest_nll(logits: np.ndarray, y_true: np.ndarray) -> float:
    """The factor of the logits with the lowest loss: Newton's method, kept between bounds by bisection.

    The loss is a convex function of the factor: its slope is the mean logit under the model minus that of the truth,
    its curvature the variance of the logit under the model.
    """
    logits = logits - logits.max(axis=1, keepdims=True)
    of_truth = logits[np.arange(len(logits)), y_true].mean()

    def slope_and_curvature(factor: float) -> tuple[float, float]:
        probabilities = _softmax(logits * factor)
        mean = (probabilities * logits).sum(axis=1)
        return float(mean.mean() - of_truth), float(((probabilities * logits**2).sum(axis=1) - mean**2).mean())

    low, high, factor = 1 / _HIGHEST, 1 / _LOWEST, 1.0
    if slope_and_curvature(high)[0] <= 0:
        return high  # A model that is always right cannot be too sure.
    if slope_and_curvature(low)[0] >= 0:
        return low
    for step in range(100):
        slope, curvature = slope_and_curvature(factor)
        low, high = (low, factor) if slope > 0 else (factor, high)
        following = factor - slope / curvature if curvature > 0 else low
        # Far from the minimum, Newton's steps may stay short: every third one halves the range.
        if step % 3 == 2 or not low <= following <= high:
            following = (low + high) / 2
        if abs(following - factor) < 1e-9:
            break
        factor = following
    return factor


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def _nll(logits: np.ndarray, y_true: np.ndarray) -> float:
    highest = logits.max(axis=1)
    total = highest + np.log(np.exp(logits - highest[:, None]).sum(axis=1))
    return float((total - logits[np.arange(len(logits)), y_true]).mean())


def _diagram(logits: np.ndarray, y_true: np.ndarray, bins: int) -> np.ndarray:
    """Mean confidence, accuracy and pixels of bins ((m - 1) / bins, m / bins]."""
    confidence = _softmax(logits).max(axis=1)
    right = logits.argmax(axis=1) == y_true
    place = np.clip(np.ceil(confidence * bins) - 1, 0, bins - 1).astype(int)
    pixels, sure, hits = (np.bincount(place, weights, bins) for weights in (None, confidence, right))
    with np.errstate(invalid="ignore"):
        return np.stack([sure / pixels, hits / pixels, pixels], axis=1)


def _calibration_error(diagram: np.ndarray) -> float:
    confidence, accuracy, pixels = diagram.T
    return float(np.nansum(np.abs(accuracy - confidence) * pixels) / pixels.sum())
