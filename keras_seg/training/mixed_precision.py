"""Training in half of float32's bits, and models in float32 at the end."""

import contextlib
from collections.abc import Iterator

import keras

FLOAT32, BFLOAT16 = "float32", "mixed_bfloat16"
POLICIES = (FLOAT32, BFLOAT16)


@contextlib.contextmanager
def dtype_policy(name: str | None) -> Iterator[None]:
    """Layers made within have a dtype policy; with None, that of the process."""
    before = keras.config.dtype_policy()
    if name is not None:
        keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def keep_depthwise_in_float32(model: keras.Model) -> None:
    """Let depthwise convolutions of a model compute in float32.

    On a CPU, oneDNN takes three times as long for their gradients in bfloat16 as in float32 (docs/benchmarks.md).
    """
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.DepthwiseConv2D) and _is_mixed(layer):
            layer.dtype_policy = layer.variable_dtype


def compute_in_float32(model: keras.Model) -> bool:
    """Let a model compute in the type of its weights, which mixed policies keep in float32.

    What it has compiled still computes as before. A model that is loaded from its file has compiled nothing.

    Returns:
        Whether a layer was changed.
    """
    mixed = [layer for layer in model._flatten_layers() if _is_mixed(layer)]
    for layer in mixed:
        layer.dtype_policy = layer.variable_dtype
    return bool(mixed)


def _is_mixed(layer: keras.layers.Layer) -> bool:
    return layer.compute_dtype != layer.variable_dtype
