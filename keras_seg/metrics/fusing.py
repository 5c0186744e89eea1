"""Many small operations on pixels in one pass over memory."""

import contextvars
import functools
from collections.abc import Callable
from typing import Any

import keras

from keras_seg import _ops
from keras_seg._labels import reading
from keras_seg._types import Tensor
from keras_seg.metrics import exact_counts

# Arguments of the results, which do not change what is counted.
_OF_RESULTS = {"name", "dtype", "class_names", "out_of_range", "per_class", "score", "metrics", "prefix", "keep_images"}

# Pixels of a block, where the size of the images is not known: few enough that little is left over.
_BLOCK = 2**14

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


def fused_histogram(method: Any, y_true: Tensor, y_pred: Tensor, weights: Tensor, *, bins: int) -> Tensor:
    """How many pixels a metric's `method(y_true, y_pred, weights)` puts into each of `bins` bins, int32 (bins,).

    The method must look at each pixel by itself: on TensorFlow in a graph where the size of the image is unknown,
    pixels are counted in blocks of one size, which is compiled once, and those that are left over as they are.
    """
    if not _in_blocks(y_true, y_pred):
        return exact_counts.histogram(fused(method, y_true, y_pred, weights), bins)
    import tensorflow as tf

    sizes = [tf.shape(tensor)[:3] for tensor in (y_true, y_pred)]
    same = tf.debugging.assert_equal(*sizes, message="y_true must have the batch, height and width of y_pred")
    with tf.control_dependencies([same]):
        rows = [tf.reshape(tensor, (-1, *tensor.shape[3:])) for tensor in (y_true, y_pred)]
    if weights is not None:
        rows.append(tf.reshape(tf.broadcast_to(weights, sizes[1]), (-1,)))
    pixels = tf.shape(rows[1])[0]
    blocks = pixels // _BLOCK
    # XLA around all of this compiles the loop where no block is full, too. Without anything to add it copies nothing.
    more = tf.maximum(_BLOCK - pixels, 0)
    rows = [tf.pad(row, [[0, more], *([0, 0] for _ in row.shape[1:])]) for row in rows]

    def counts(start: Tensor, length: Tensor) -> Tensor:
        parts = [tf.slice(row, (start, *(0 for _ in row.shape[1:])), (length, *row.shape[1:])) for row in rows]
        images = [tf.reshape(part, (1, 1, length, *part.shape[1:])) for part in parts]
        return exact_counts.histogram(fused(method, *images, *([None] if weights is None else [])), bins)

    def add_block(block: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
        return block + 1, total + counts(block * _BLOCK, _BLOCK)

    rest = counts(blocks * _BLOCK, pixels - blocks * _BLOCK)
    return tf.while_loop(lambda block, _: block < blocks, add_block, (0, rest))[1]


def _in_blocks(y_true: Tensor, y_pred: Tensor) -> bool:
    """Whether pixels are counted in blocks: on TensorFlow, in a graph that knows the channels and not the size."""
    if keras.backend.backend() != "tensorflow" or isinstance(y_pred, keras.KerasTensor):
        return False
    import tensorflow as tf

    shapes = [tuple(tensor.shape) for tensor in (y_true, y_pred)]
    if tf.executing_eagerly() or not all(len(shape) in (3, 4) and None not in shape[3:] for shape in shapes):
        return False
    return None in (*shapes[0][1:3], *shapes[1][1:3]) and _ops.xla_works()


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
