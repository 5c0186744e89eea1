"""Comparing what an exported file computes with what Keras computes."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg.export.score_map import ScoreMap
from keras_seg.inference.output_kind import check_finite
from keras_seg.layers import MaxPoolingWithArgmax2D

if TYPE_CHECKING:
    import pathlib

    from keras_seg.export.request import Request

# Float32 runtimes order their sums differently; a difference beyond this is another function, not another rounding.
FLOAT32_TOLERANCE = 1e-3
# Rounding grows with the scores: of the largest one, this share is allowed where it is more.
_SHARE_OF_LARGEST = 1e-4
AGREEMENT_FLOOR = 0.999

# For a model that unpools: how many times as far from Keras as Keras is from itself when moved by rounding.
_TIMES_ROUNDING = 3
_SHARE_APART_WITH_SWITCHES = 0.01
_ROUNDINGS = (1e-7, 3e-7, 1e-6)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How far the output of an exported file is from that of Keras.

    Attributes:
        difference: float. The largest of any value.
        agreement: float in [0, 1]. The share of pixels of the same class, or of the same classes where they overlap.
        apart: float in [0, 1]. The share of pixels with a value further away than rounding explains.
    """

    difference: float
    agreement: float
    apart: float


def predicted(request: "Request", batch: np.ndarray) -> dict[str, Any]:
    """The output of Keras for a batch, by name; fail where it is not finite, or has no known threshold."""
    maps = request.scores.named(request.model.predict_on_batch(batch.astype("float32")))
    values = maps[request.scores.name]
    check_finite(values, f"The {request.scores.name} of `model`")
    low, high = values.min(), values.max()
    unknown = request.scores.name == "scores" and request.scores.channels == 1
    if unknown and "class_ids" in request.outputs and (low < 0 or high > 1):
        rule = "must show whether its single channel is a probability, cut at 0.5, or a logit, cut at 0"
        fix = "End it with a sigmoid, or with a convolution without activation."
        _validation.fail("model", rule, f"{low:.3g} to {high:.3g}", fix)
    return maps


def compare(
    expected: np.ndarray, actual: np.ndarray, threshold: float = 0.5, *, overlapping: bool = False
) -> Comparison:
    """The `Comparison` of two batches of score maps, whose classes are those of `classes`."""
    if expected.shape != actual.shape:
        raise RuntimeError(f"The exported model's output has shape {actual.shape} where Keras has {expected.shape}.")
    differences = np.abs(expected - actual).max(axis=-1)
    decided = [classes(scores, threshold, overlapping=overlapping) for scores in (expected, actual)]
    return Comparison(
        difference=float(differences.max()),
        agreement=float(same_classes(*decided, overlapping=overlapping).mean()),
        apart=float((differences > rounding_of(expected)).mean()),
    )


def rounding_of(scores: np.ndarray) -> float:
    """How far apart two float32 runtimes may be that compute these scores."""
    return max(FLOAT32_TOLERANCE, _SHARE_OF_LARGEST * float(np.abs(scores).max()))


def compare_maps(expected: Mapping[str, Any], found: Mapping[str, Any], scores: ScoreMap) -> Comparison:
    """The `Comparison` of maps by name with those of Keras; class ids are compared with the classes of the scores."""
    threshold, overlapping = scores.threshold, scores.overlapping
    parts = [
        compare(expected[name], value, threshold, overlapping=overlapping)
        for name, value in found.items()
        if name != "class_ids"
    ]
    if "class_ids" in found:
        agreement = float((class_map(expected, scores) == found["class_ids"]).mean())
        parts.append(Comparison(difference=0.0, agreement=agreement, apart=0.0))
    return worst_of(parts)


def class_map(maps: Mapping[str, Any], scores: ScoreMap) -> np.ndarray:
    """The class ids among maps by name, or `classes` of the score map."""
    if "class_ids" in maps:
        return maps["class_ids"]
    return classes(maps[scores.name], scores.threshold, overlapping=scores.overlapping)


def worst_of(comparisons: Iterable[Comparison]) -> Comparison:
    """One `Comparison` that holds the worst of several."""
    comparisons = list(comparisons)
    return Comparison(
        difference=max(one.difference for one in comparisons),
        agreement=min(one.agreement for one in comparisons),
        apart=max(one.apart for one in comparisons),
    )


def classes(scores: np.ndarray, threshold: float, *, overlapping: bool = False) -> np.ndarray:
    """Class ids of a batch of score maps; a single channel is one class against the rest.

    Where classes overlap, which of them a pixel has: bool (batch, height, width, classes).
    """
    if overlapping:
        return scores > threshold
    return scores.argmax(-1) if scores.shape[-1] > 1 else (scores[..., 0] > threshold).astype("int64")


def same_classes(one: np.ndarray, other: np.ndarray, *, overlapping: bool) -> np.ndarray:
    """Which pixels have the same class, or all the same classes where they overlap, in two results of `classes`."""
    return (one == other).all(axis=-1) if overlapping else one == other


def moved_by_rounding(
    model: keras.Model, images: np.ndarray, expected: Mapping[str, Any], scores: ScoreMap
) -> Comparison | None:
    """The `Comparison` of Keras with itself where rounding decides what a model computes, None for all other models.

    A model that unpools takes the largest value of a window; where two differ by rounding alone, another runtime takes
    the other one, and its value lands a pixel away: in a deep map, on a patch of the image. How often that happens is
    found by moving the image and every weight by about a rounding, as other orders of summation move what layers give.
    """
    if not any(isinstance(layer, MaxPoolingWithArgmax2D) for layer in model._flatten_layers()):
        return None
    rng = np.random.default_rng(0)
    comparisons = []
    for size in _ROUNDINGS:

        def moved(values: Any, size: float = size) -> np.ndarray:
            values = keras.ops.convert_to_numpy(values)
            if values.dtype != np.float32:  # Such as the state of a generator.
                return values
            return values * (1 + np.float32(size) * rng.standard_normal(values.shape, dtype="float32"))

        state = [[moved(v) for v in held] for held in (model.trainable_variables, model.non_trainable_variables)]
        # One at a time, for the memory of a deep model.
        found = [scores.named(model.stateless_call(*state, moved(image)[None], training=False)[0]) for image in images]
        arrays: list[Any] = [keras.ops.convert_to_numpy(maps[scores.name]) for maps in found]
        together = {scores.name: np.concatenate(arrays)}
        comparisons.append(compare_maps(expected, together, scores))
    return worst_of(comparisons)


def check_float32(
    comparison: Comparison,
    rounding: Comparison | None,
    subject: "str | pathlib.Path",
    verdict: str = "was not written: its output differs from Keras",
) -> None:
    """Fail if a float32 file is not the same function as the Keras model; `rounding` is `moved_by_rounding`.

    The error begins with `subject`, such as a path, and `verdict`.
    """
    apart, agreement = 0.0, AGREEMENT_FLOOR
    if rounding is not None:
        apart = _SHARE_APART_WITH_SWITCHES + _TIMES_ROUNDING * rounding.apart
        agreement -= _TIMES_ROUNDING * (1 - rounding.agreement)
    if comparison.apart > apart or comparison.agreement < agreement:
        raise RuntimeError(
            f"{subject} {verdict} by {comparison.difference:.2g}, by more than "
            f"rounding on {comparison.apart:.2%} of pixels (at most {apart:.2%}), and agrees on "
            f"{comparison.agreement:.2%} of pixels (at least {agreement:.2%})."
        )
