"""`keras.ops` as the namespace of an augmentation."""

import functools
import zlib
from collections.abc import Callable
from typing import Any

import keras

from keras_seg._types import Tensor
from keras_seg.augmentation.namespace import Namespace


class KerasOps(Namespace):
    """`keras.ops`, for models on every backend."""

    def __getattr__(self, name: str) -> Any:
        return getattr(keras.ops, name)

    def random(self, seed: Any, count: Any, width: int) -> tuple[Tensor, Callable[[Any], Tensor]]:
        """See `Namespace`."""
        values = (seed, 0) if isinstance(seed, int) else tuple(int(value) for value in seed)
        first, second = (zlib.crc32(repr((values, i)).encode()) for i in range(2))
        return keras.random.uniform((count, width), seed=first), keras_normal(second)


def keras_normal(seed: Any) -> Callable[[Any], Tensor]:
    """A function that gives normal numbers of a shape, different ones at every call.

    Args:
        seed: int, or a `keras.random.SeedGenerator`.
    """
    if not isinstance(seed, int):
        return lambda shape: keras.random.normal(shape, seed=seed)
    seeds = iter(range(seed, seed + 1000))
    return lambda shape: keras.random.normal(shape, seed=next(seeds))


@functools.cache
def ops_of_keras() -> KerasOps:
    """The namespace."""
    return KerasOps()
