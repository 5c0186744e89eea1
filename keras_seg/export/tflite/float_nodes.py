"""Operators of an int8 file that compute in float32."""

import fnmatch
from collections.abc import Iterable, Sequence

import keras

from keras_seg import _validation
from keras_seg.export.tflite.interpreter import produced
from keras_seg.export.tflite.layer_names import LayerNames

# TFLite's int8 kernels multiply both sides by their step before they compare, in fixed point: for steps of 1 or more,
# which are ranges of 255 or more, the product overflows, and below 1/256 neighbors become equal. Unpooling needs exact
# comparisons.
_COMPARISONS = {"EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"}
# The quantizer gives the reversed map a scale of its own, and the kernel moves bytes as they are: a flipped view of
# probabilities had a third of its weight in test-time augmentation.
_MISSCALED = {"REVERSE_V2"}


def float_nodes(calibrated: bytes, model: keras.Model, float_layers: Sequence[str] = ()) -> list[str]:
    """The tensors whose operators are not quantized: those asked for, and those that int8 computes wrongly.

    Args:
        calibrated: bytes of the float32 file that is quantized.
        model: keras.Model that it was converted from.
        float_layers: as `export.tflite` takes them. Defaults to none.
    """
    names, tensors = LayerNames.of_model(model), produced(calibrated)
    asked = check(float_layers, names.layers)
    found = [tensor.name for tensor in tensors if asked.intersection(names.of(tensor.name))]
    if asked and not found:
        fix = "Name a layer with weights, which `export.layer_errors` lists."
        _validation.fail("float_layers", "must name layers that have an operator in the file", sorted(asked), fix)
    return [*found, *(tensor.name for tensor in tensors if tensor.op in _COMPARISONS | _MISSCALED)]


def check(float_layers: Sequence[str], names: Iterable[str]) -> set[str]:
    """The layers among `names` that match `float_layers`, names or patterns such as "decoder*"; each must match one."""
    if isinstance(float_layers, str) or not all(isinstance(pattern, str) for pattern in float_layers):
        fix = 'For example float_layers=("logits",).'
        _validation.fail("float_layers", "must be a sequence of layers' names or patterns", float_layers, fix)
    asked = []
    for pattern in float_layers:
        found = fnmatch.filter(names, pattern)
        if not found:
            fix = f"{_validation.nearest(pattern, names)} `export.layer_errors` lists them."
            _validation.fail("float_layers", "must name layers of the exported form of the model", pattern, fix)
        asked += found
    return set(asked)
