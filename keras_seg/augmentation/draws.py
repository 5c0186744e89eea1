"""From a seed to the numbers that an augmentation is drawn with."""

import zlib

import keras
import numpy as np

from keras_seg import _validation


def checked_seed(seed):
    """The seed, NumPy's ints as Python's; tensors, whose values are known in use only, pass."""
    seed = seed.tolist() if isinstance(seed, (np.ndarray, np.generic)) else seed
    values = seed if isinstance(seed, (tuple, list)) else (seed, 0)
    numbers = [x for x in values if not hasattr(x, "dtype")]
    if len(values) != 2 or not all(isinstance(x, int) and -(2**63) <= x < 2**63 for x in numbers):
        fix = "Another image needs another seed." if seed is None else "Pass a number, or (epoch, position)."
        _validation.fail("seed", "must be an int or a pair of ints, of 64 bits", seed, fix)
    return seed


def uniform_and_normal(ops, seed, count, width):
    """Uniform draws (count, width), and a source of normal numbers, for a seed."""
    if not hasattr(ops, "tf"):
        values = (seed, 0) if isinstance(seed, int) else tuple(int(value) for value in seed)
        first, second = (zlib.crc32(repr((values, i)).encode()) for i in range(2))
        return keras.random.uniform((count, width), seed=first), keras_normal(second)
    tf = ops.tf
    seed = tf.cast(seed, tf.int64)
    seed = tf.stack([seed, 0]) if seed.shape.rank == 0 else seed
    # All draws at once: one op for every image instead of one for every number. The algorithm is named, as XLA has
    # another default.
    draws = tf.random.stateless_uniform((count, width), seed, alg="philox")
    return draws, TensorFlowNormal(tf, seed)


class TensorFlowNormal:
    """Normal numbers from a seed; other ones at every call."""

    def __init__(self, tf, seed):
        self.tf, self.seed, self.calls = tf, seed, 0

    def __call__(self, shape):
        self.calls += 1
        seed = self.tf.random.experimental.stateless_fold_in(self.seed, self.calls, alg="philox")
        return self.tf.random.stateless_normal(shape, seed, alg="philox")


def keras_normal(seed):
    """Normal numbers from an int, other ones at every call, or from a SeedGenerator."""
    if not isinstance(seed, int):
        return lambda shape: keras.random.normal(shape, seed=seed)
    seeds = iter(range(seed, seed + 1000))
    return lambda shape: keras.random.normal(shape, seed=next(seeds))
