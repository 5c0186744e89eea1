"""Comparing what an artifact computes with what Keras computes."""

import dataclasses

import keras
import numpy as np

from keras_seg import _validation
from keras_seg.export.traced_module import named
from keras_seg.layers import MaxPoolingWithArgmax2D

# Float32 runtimes order their sums differently; a difference beyond this is another function, not another rounding.
FLOAT32_TOLERANCE = 1e-3
AGREEMENT_FLOOR = 0.999

# Of a net that unpools: how many times as far from Keras as Keras is from itself when moved by rounding.
_TIMES_ROUNDING = 3
_SHARE_APART_WITH_SWITCHES = 0.01
_ROUNDINGS = (1e-7, 3e-7, 1e-6)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """How far an artifact's output is from Keras'.

    Attributes:
        difference: float, the largest of any value.
        agreement: float in [0, 1], the share of pixels of the same class.
        apart: float in [0, 1], the share of pixels with a value further away than `FLOAT32_TOLERANCE`.
    """

    difference: float
    agreement: float
    apart: float


def comparison_images(model, images, input_size, *, count=2, seed=0):
    """The images to compare on: those given, or seeded noise over the whole input range.

    Args:
        model: keras.Model.
        images: array (n, height, width, channels), 0..255, or None.
        input_size: (height, width), which images must have and noise gets.
        count: int, how many noise images. Defaults to 2.
        seed: int. Defaults to 0.

    Returns:
        float32 array (n, height, width, channels).
    """
    shape = (*input_size, model.input_shape[-1])
    if images is None:
        # Blocks as well as single pixels vary, so that the deep layers of the net see structure too.
        rng = np.random.default_rng(seed)
        blocks = rng.uniform(0, 255, size=(count, -(-shape[0] // 16), -(-shape[1] // 16), shape[2]))
        blocks = blocks.repeat(16, axis=1).repeat(16, axis=2)[:, : shape[0], : shape[1]]
        return np.clip(blocks + rng.normal(0, 20, size=(count, *shape)), 0, 255).astype("float32")
    images = np.asarray(images, "float32")
    if images.ndim != 4 or images.shape[1:] != shape or len(images) == 0:
        _validation.fail("images", f"must be an array (n, {', '.join(map(str, shape))}) with n > 0", images.shape)
    return images


def compare(expected, actual):
    """The `Comparison` of two batches of class maps."""
    if expected.shape != actual.shape:
        raise RuntimeError(f"The exported model's output has shape {actual.shape} where Keras has {expected.shape}.")
    if not np.isfinite(actual).all():
        raise RuntimeError("The exported model's output holds NaN or infinity.")
    differences = np.abs(expected - actual).max(axis=-1)
    return Comparison(
        difference=float(differences.max()),
        agreement=float((classes(expected) == classes(actual)).mean()),
        apart=float((differences > FLOAT32_TOLERANCE).mean()),
    )


def compare_maps(expected, found):
    """The `Comparison` of an artifact's maps with Keras' by name; class ids are judged by the classes of the scores."""
    parts = [compare(expected[name], value) for name, value in found.items() if name != "class_ids"]
    if "class_ids" in found:
        parts.append(Comparison(0.0, float((class_map(expected) == found["class_ids"]).mean()), 0.0))
    return worst_of(parts)


def class_map(maps):
    """The class ids among maps by name, or those of the probabilities."""
    return maps["class_ids"] if "class_ids" in maps else classes(maps.get("probabilities", next(iter(maps.values()))))


def worst_of(comparisons):
    """One `Comparison` that holds the worst of several."""
    return Comparison(
        difference=max(one.difference for one in comparisons),
        agreement=min(one.agreement for one in comparisons),
        apart=max(one.apart for one in comparisons),
    )


def classes(scores):
    """Class ids of a batch of class maps; a single map is one class against the rest."""
    return scores.argmax(-1) if scores.shape[-1] > 1 else (scores[..., 0] > 0.5).astype("int64")


def moved_by_rounding(model, images, expected):
    """The `Comparison` of Keras with itself where rounding decides what a net computes, None for all other nets.

    A net that unpools takes the largest value of a window; where two differ by rounding alone, another runtime takes
    the other one, and its value lands a pixel away: in a deep map, on a patch of the image. How often that happens is
    found by moving the image and every weight by about a rounding, as other orders of summation move what layers give.
    """
    if not any(isinstance(layer, MaxPoolingWithArgmax2D) for layer in model._flatten_layers()):
        return None
    rng = np.random.default_rng(0)
    comparisons = []
    for size in _ROUNDINGS:

        def moved(values, size=size):
            values = keras.ops.convert_to_numpy(values)
            if values.dtype != np.float32:  # Such as the state of a generator.
                return values
            return values * (1 + np.float32(size) * rng.standard_normal(values.shape, dtype="float32"))

        state = [[moved(v) for v in held] for held in (model.trainable_variables, model.non_trainable_variables)]
        # One at a time, for the memory of a deep net.
        found = [named(model.stateless_call(*state, moved(image)[None], training=False)[0]) for image in images]
        together = {
            name: np.concatenate([keras.ops.convert_to_numpy(maps[name]) for maps in found]) for name in found[0]
        }
        comparisons.append(compare_maps(expected, together))
    return worst_of(comparisons)


def check_float32(comparison, rounding, subject, verdict="was not written: its output differs from Keras"):
    """Fail when a float32 artifact is not the same function as the Keras model; `rounding` is `moved_by_rounding`.

    The error begins with `subject`, such as a path, and `verdict`.
    """
    apart, agreement = 0.0, AGREEMENT_FLOOR
    if rounding is not None:
        apart = _SHARE_APART_WITH_SWITCHES + _TIMES_ROUNDING * rounding.apart
        agreement -= _TIMES_ROUNDING * (1 - rounding.agreement)
    if comparison.apart > apart or comparison.agreement < agreement:
        raise RuntimeError(
            f"{subject} {verdict} by {comparison.difference:.2g}, by more than "
            f"{FLOAT32_TOLERANCE:g} on {comparison.apart:.2%} of pixels (at most {apart:.2%}), and agrees on "
            f"{comparison.agreement:.2%} of pixels (at least {agreement:.2%})."
        )
