"""Compiling by XLA on TensorFlow, where every operation is otherwise a pass over memory of its own."""

import functools


@functools.cache
def works():
    """Whether this TensorFlow can compile for the device it runs on; not every build can."""
    import tensorflow as tf

    with tf.init_scope():
        try:
            tf.function(lambda x: x + 1, jit_compile=True)(tf.zeros(1))
        except (tf.errors.OpError, ValueError):
            return False
    return True
