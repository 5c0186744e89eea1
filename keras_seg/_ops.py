"""Operations that Keras lacks or computes wrongly on some backend, each with the reason."""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from keras_seg._types import Tensor


def spatial_size(x: Tensor) -> tuple[Any, Any]:
    """(height, width) of an NHWC tensor: ints where they are known, scalar tensors in a dynamic TensorFlow graph."""
    shape: Any = ops.shape(x)
    return shape[1], shape[2]


def resize(x: Tensor, size: tuple[Any, Any], interpolation: str) -> Tensor:
    """Resize an NHWC tensor to `size` = (height, width), half-pixel centers, no antialiasing, dtype kept.

    `keras.ops.image.resize` wants a static size, so a dynamic TensorFlow graph (and its export) needs
    `tf.image.resize`. The arithmetic is done in float32: XLA miscompiles half-precision resizing gradients
    (keras#20931), and the cast costs nothing beside the interpolation.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        resized = tf.image.resize(tf.cast(x, "float32"), size, method=interpolation)
    else:
        resized = ops.image.resize(
            ops.cast(x, "float32"), size, interpolation=interpolation, antialias=False, data_format="channels_last"
        )
    return ops.cast(resized, x.dtype)


def resize_aligned(x: Tensor, size: tuple[Any, Any]) -> Tensor:
    """Resize an NHWC tensor bilinearly to `size` = (height, width), corners on corners, dtype kept.

    `keras.ops.image.resize` has half-pixel centers only. On TensorFlow it is one operator, which TFLite has.
    """
    x, dtype = ops.cast(x, "float32"), x.dtype
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        resized = tf.raw_ops.ResizeBilinear(images=x, size=tf.stack(size), align_corners=True)
    else:
        rows, columns = (_aligned_weights(*lengths) for lengths in zip(spatial_size(x), size, strict=True))
        resized = ops.einsum("wj,bhjc->bhwc", columns, ops.einsum("hi,bijc->bhjc", rows, x))
    return ops.cast(resized, dtype)


def _aligned_weights(length: int, wanted: int) -> Tensor:
    """(wanted, length): how much each of `wanted` places along an axis takes of each unit."""
    places = ops.arange(wanted, dtype="float32") * ((length - 1) / max(wanted - 1, 1))
    return ops.relu(1 - ops.abs(places[:, None] - ops.arange(length, dtype="float32")))


def pixel_shuffle(x: Tensor, size: int) -> Tensor:
    """Blocks of `size` x `size` pixels of an NHWC tensor's channels; on TensorFlow one operator, which TFLite has."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.nn.depth_to_space(x, size)
    _, height, width, channels = ops.shape(x)
    channels //= size**2
    blocks = ops.reshape(x, (-1, height, width, size, size, channels))
    blocks = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
    return ops.reshape(blocks, (-1, height * size, width * size, channels))


def without_border(x: Tensor) -> Tensor:
    """An NHWC tensor without the outermost pixels of each map.

    On TensorFlow, the gradient of an index is an operation that takes several times as long as that of a slice.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        height, width = spatial_size(x)
        return tf.slice(x, (0, 1, 1, 0), (-1, height - 2, width - 2, -1))
    return x[:, 1:-1, 1:-1, :]


def reflected_positions(length: Any, start: Any, stop: Any) -> Tensor:
    """Positions `start`..`stop - 1` of an axis, folded back into 0..length-1 by mirroring at both ends.

    A gather with these equals `pad(mode="reflect")` and is more general: paddings may be longer than the axis, and
    lengths known only at run time.
    """
    return folded_positions(ops.arange(start, stop, dtype="int32"), length, namespace=ops)


def folded_positions(positions: Any, length: Any, *, namespace: Any) -> Any:
    """Integer `positions` folded back into 0..length-1 by mirroring, with the functions of NumPy or `keras.ops`."""
    period = namespace.maximum(2 * (length - 1), 1)
    # Mirrored at 0 by the absolute value: tf2onnx computes the remainder of negative numbers as C does.
    position = namespace.mod(namespace.abs(positions), period)
    # A length of 1 has period 1, so every position is 0 and the second branch is never taken.
    return namespace.where(position < length, position, period - position)


@functools.cache
def xla_works() -> bool:
    """Whether this TensorFlow can compile for the device it runs on; not every build can."""
    import tensorflow as tf

    with tf.init_scope():
        try:
            tf.function(lambda x: x + 1, jit_compile=True)(tf.zeros(1))
        except (tf.errors.OpError, ValueError):
            return False
    return True


def compiles(*tensors: Any) -> bool:
    """Whether `in_one_pass` compiles a function of these tensors, tuples of them, or `None`s."""
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    known = all(None not in tensor.shape[1:] for tensor in tf.nest.flatten(tensors) if tensor is not None)
    return known and not tf.executing_eagerly() and xla_works()


def in_one_pass(function: Callable[..., Any], *tensors: Any) -> Any:
    """`function(*tensors)`, by XLA on TensorFlow in a graph where all sizes but that of the batch are known.

    There each operation is a pass over memory otherwise. Executed eagerly nothing is compiled: each new size would cost
    a fifth of a second.
    """
    if not compiles(*tensors):
        return function(*tensors)
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)(*tensors)
