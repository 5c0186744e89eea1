"""Gradients on whichever backend runs, for tests."""

import keras
import numpy as np


def gradient(function, x, dtype="float32"):
    """The gradient of `function`, from a tensor to a scalar tensor, at the array `x`, as a NumPy array."""
    x = np.asarray(x, dtype=dtype) if dtype != "bfloat16" else x
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        point = tf.cast(tf.constant(x), dtype)
        with tf.GradientTape() as tape:
            tape.watch(point)
            value = function(point)
        return tf.cast(tape.gradient(value, point), "float32" if dtype != "float64" else dtype).numpy()
    if backend == "jax":
        import jax

        return np.asarray(jax.grad(function)(jax.numpy.asarray(x, dtype=dtype))).astype("float32")
    import torch

    point = torch.tensor(x, dtype=getattr(torch, dtype), device=keras.ops.zeros(1).device)
    point.requires_grad_()
    function(point).backward()
    return point.grad.to(torch.float64 if dtype == "float64" else torch.float32).cpu().numpy()


def numeric_gradient(function, x, step=1e-3):
    """Central differences of `function`, from an array to a float, at the float64 array `x`."""
    x = np.array(x, dtype="float64")
    out = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        out[index] = (function(up) - function(down)) / (2 * step)
    return out


def compiled(function):
    """`function` as the backend compiles it: a TensorFlow graph, a JAX jit; torch runs it eagerly."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function)
    if backend == "jax":
        import jax

        return jax.jit(function)
    return function
