"""Counts that stay exact on every backend: histograms, and sums of them as two int32 limbs.

float32 stops counting at 2^24, int32 at 2^31, and JAX has no int64 unless told so. A total is `limbs[0] + limbs[1] *
LIMB` with `limbs[0] < LIMB`, exact to 2^55; one addition may bring up to 2^31 - 2^24 to a bin before it overflows.
"""

import keras
import numpy as np
from keras import ops

from keras_seg._types import Tensor

LIMB = 2**24


def histogram(bins: Tensor, size: Tensor) -> Tensor:
    """How often each of 0..size-1 occurs, int32 (size,). Static shapes on every backend, so XLA takes it."""
    backend = keras.backend.backend()
    bins = ops.reshape(bins, (-1,))
    if backend == "tensorflow":
        import tensorflow as tf

        # keras.ops.bincount has no static size, and a segment sum takes ten times as long.
        return tf.raw_ops.DenseBincount(input=bins, size=size, weights=tf.zeros([0], tf.int32), binary_output=False)
    if backend == "jax":
        import jax.numpy as jnp

        return jnp.bincount(bins, length=size).astype("int32")
    if backend == "torch" and not bins.is_meta:
        return ops.cast(ops.bincount(bins, minlength=size), "int32")
    return ops.segment_sum(ops.ones_like(bins), bins, num_segments=size)


def image_histograms(bins: Tensor, size: int) -> Tensor:
    """`histogram` of each image of (batch, height, width): int32 (batch, size)."""
    images = ops.shape(bins)[0]
    own = bins + size * ops.reshape(ops.arange(images, dtype="int32"), (-1, 1, 1))
    return ops.reshape(histogram(own, images * size), (-1, size))


def add(limbs: Tensor, counts: Tensor) -> Tensor:
    """The limbs (2, bins) after adding int32 counts (bins,)."""
    low = limbs[0] + counts
    return ops.stack([low % LIMB, limbs[1] + low // LIMB])


def totals(limbs: Tensor) -> np.ndarray:
    """The counts as NumPy int64, of limbs whose values are known."""
    limbs = ops.convert_to_numpy(ops.convert_to_tensor(limbs)).astype("int64")
    return limbs[0] + limbs[1] * LIMB


def rounded_totals(limbs: Tensor) -> Tensor:
    """The counts as float32 tensor, rounded above 2^24, for use inside a graph."""
    return ops.cast(limbs[0], "float32") + ops.cast(limbs[1], "float32") * LIMB


def split(counts: np.ndarray) -> np.ndarray:
    """The limbs of NumPy int64 counts."""
    return np.stack([counts % LIMB, counts // LIMB]).astype("int32")
