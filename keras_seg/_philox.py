"""Random numbers as functions of a seed, equal to TensorFlow's stateless ones, without TensorFlow.

A pair of 64-bit integers is scrambled into a key and a counter, from which Philox-4x32-10 makes four 32-bit numbers per
step. Orders and augmentations are then the same wherever the data is read.

Reference: Salmon, Moraes, Dror and Shaw, "Parallel Random Numbers: As Easy as 1, 2, 3", 2011, section 3.3; the
    conversions are those of tensorflow/core/lib/random.
"""

import math

import numpy as np

_MASK = 0xFFFFFFFF
_FACTORS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_STEPS = (0x9E3779B9, 0xBB67AE85)
_SCRAMBLE = (0x3EC8F720, 0x02461E29)
_ROUNDS = 10
# Below, the logarithm of a normal number's radius would not be finite.
_LEAST = np.float32(1e-7)

Seed = tuple[int, int]


def uniform(seed: Seed, shape: tuple[int, ...]) -> np.ndarray:
    """float32 numbers in [0, 1), as of `tf.random.stateless_uniform`."""
    return _float32(_words(seed, math.prod(shape))).reshape(shape)


def uniform_double(seed: Seed, count: int) -> np.ndarray:
    """float64 numbers (count,) in [0, 1)."""
    words = _words(seed, 2 * count).astype("uint64").reshape(count, 2)
    mantissa = ((words[:, 0] & np.uint64(0xFFFFF)) << np.uint64(32)) | words[:, 1]
    return (mantissa | np.uint64(1023 << 52)).view("float64") - 1.0


def normal(seed: Seed, shape: tuple[int, ...]) -> np.ndarray:
    """float32 normal numbers, as of `tf.random.stateless_normal` (Box and Muller)."""
    count = math.prod(shape)
    numbers = _float32(_words(seed, count + count % 2)).reshape(-1, 2)
    radius = np.sqrt(np.float32(-2.0) * np.log(np.maximum(numbers[:, 0], _LEAST)))
    angle = np.float32(2 * math.pi) * numbers[:, 1]
    return (np.stack([np.sin(angle), np.cos(angle)], axis=1) * radius[:, None]).reshape(-1)[:count].reshape(shape)


def fold_in(seed: Seed, number: int, *, bits: int) -> Seed:
    """A seed that depends on another one and a number, as of `tf.random.experimental.stateless_fold_in`.

    Args:
        seed: pair of ints.
        number: int.
        bits: int. 32 or 64, of the type of the number there; a Python number has 32.
    """
    low, high = (int(word) for word in _words(seed, 2))
    value = low if bits == 32 else low | high << 32
    return (value - (1 << bits) if value >> (bits - 1) else value, number)


def _float32(words: np.ndarray) -> np.ndarray:
    return ((words & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)).view("float32") - np.float32(1.0)


def _words(seed: Seed, count: int) -> np.ndarray:
    """uint32 (count,)."""
    scrambled = np.array([[half & _MASK, half >> 32 & _MASK] for half in seed], "uint64").reshape(4, 1)
    first, second, third, fourth = (int(word[0]) for word in _philox(scrambled, *_SCRAMBLE))
    steps = np.arange(-(-count // 4), dtype="uint64")
    counters = np.empty((4, len(steps)), "uint64")
    counters[0], counters[1], counters[2], counters[3] = steps & np.uint64(_MASK), steps >> np.uint64(32), third, fourth
    return _philox(counters, first, second).T.reshape(-1)[:count].astype("uint32")


def _philox(counters: np.ndarray, first: int, second: int) -> np.ndarray:
    """The 32-bit numbers (4, steps) of counters (4, steps), in uint64."""
    low, shift = np.uint64(_MASK), np.uint64(32)
    a, b, c, d = counters
    for _ in range(_ROUNDS):
        left, right = _FACTORS[0] * a, _FACTORS[1] * c
        a, b, c, d = (
            (right >> shift) ^ b ^ np.uint64(first),
            right & low,
            (left >> shift) ^ d ^ np.uint64(second),
            left & low,
        )
        first, second = first + _STEPS[0] & _MASK, second + _STEPS[1] & _MASK
    return np.stack([a, b, c, d])
