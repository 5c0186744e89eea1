"""Many small operations on pixels in one pass over memory."""

import contextvars

import keras

from keras_seg import _xla

_compiling = contextvars.ContextVar("keras_seg_fusing", default=False)


def compiling():
    """Whether what is traced now is compiled by `fused`."""
    return _compiling.get()


def fused(function, *tensors):
    """`function(*tensors)`, compiled by XLA in a TensorFlow graph where the size of the image is known.

    There each operation is otherwise a pass of its own, and XLA's arg max takes a third of the time. Executed eagerly
    nothing is compiled: each new size would cost a fifth of a second. `None` among the tensors is handed on.
    """
    if keras.backend.backend() != "tensorflow":
        return function(*tensors)
    import tensorflow as tf

    known = all(None not in tensor.shape[1:] for tensor in tensors if tensor is not None)
    if tf.executing_eagerly() or not known or not _xla.works():
        return function(*tensors)
    token = _compiling.set(True)
    try:
        return tf.function(function, jit_compile=True, autograph=False)(*tensors)
    finally:
        _compiling.reset(token)
