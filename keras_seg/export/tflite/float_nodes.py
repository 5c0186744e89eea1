"""Operators of an int8 file that go on computing in float32."""

import fnmatch

from keras_seg import _validation
from keras_seg.export.tflite.interpreter import produced
from keras_seg.export.tflite.layer_names import LayerNames

# TFLite's int8 kernels multiply both sides by their step before they compare, in fixed point: from a step of 1 on,
# which is a range of 255, the product is none, and below 1/256 neighbors become equal. Unpooling lives by comparisons.
_COMPARISONS = {"EQUAL", "NOT_EQUAL", "GREATER", "GREATER_EQUAL", "LESS", "LESS_EQUAL"}
# The quantizer gives the reversed map a scale of its own, and the kernel moves bytes as they are: a flipped view of
# probabilities counted a third of what it should in test-time augmentation.
_MISLABELLED = {"REVERSE_V2"}


def float_nodes(calibrated, model, float_layers=()):
    """The tensors whose operators the quantizer shall leave alone: those asked for, and those that int8 gets wrong.

    Args:
        calibrated: bytes of the float32 file that is quantized.
        model: the keras.Model that it was converted from.
        float_layers: as `export.tflite` takes them.
    """
    names, tensors = LayerNames(model), produced(calibrated)
    asked = check(float_layers, names.layers)
    found = [tensor.name for tensor in tensors if asked.intersection(names.of(tensor.name))]
    if asked and not found:
        fix = "Name a layer with weights, which `export.layer_errors` lists."
        _validation.fail("float_layers", "must name layers that have an operator in the file", sorted(asked), fix)
    return [*found, *(tensor.name for tensor in tensors if tensor.op in _COMPARISONS | _MISLABELLED)]


def check(float_layers, names):
    """The layers among `names` that `float_layers`, names or patterns such as "decoder*", ask for; fail for a stray."""
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
