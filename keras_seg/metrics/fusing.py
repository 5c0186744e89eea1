"""Many small operations on pixels in one pass over memory."""

import contextvars
import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_seg import _ops
from keras_seg._labels import reading
from keras_seg._types import Tensor

# Arguments of the results, which do not change what is counted.
_OF_RESULTS = {"name", "dtype", "class_names", "out_of_range", "per_class", "score", "metrics", "prefix", "keep_images"}

_compiling = contextvars.ContextVar("keras_seg_fusing", default=False)


def compiling() -> bool:
    """Whether the current trace is compiled by `fused`."""
    return _compiling.get()


def fused(method: Any, *tensors: Tensor) -> Any:
    """`method(*tensors)` of a metric, compiled where that pays; tensors may be `None`.

    On TensorFlow in a graph where the size of the image is known: XLA's arg max takes a third of the time. On JAX also
    in eager execution, where each operation would be compiled by itself otherwise.
    """
    if keras.backend.backend() == "jax" and all(reading.is_concrete(tensor) for tensor in tensors):
        return _on_jax(method.__func__)(_Alike(method.__self__), *tensors)
    token = _compiling.set(_ops.compiles(*tensors))
    try:
        return _ops.in_one_pass(method, *tensors)
    finally:
        _compiling.reset(token)


@functools.cache
def _on_jax(function: Any) -> Callable[..., Any]:
    import jax

    return jax.jit(lambda alike, *tensors: function(alike.metric, *tensors), static_argnums=0)


class _Alike:
    """A metric that equals all others that count alike, so that a function compiled for one serves them too."""

    def __init__(self, metric: Any) -> None:
        self.metric = metric
        config = {key: value for key, value in metric.get_config().items() if key not in _OF_RESULTS}
        kind = type(metric)
        # MeanIoU and Dice read and sort pixels alike; BoundaryIoU has cells of its own.
        self.key = (kind._read, kind._cells, repr(sorted(config.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Alike) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)
