"""Memory that a process fills for the one that started it: a pipe would copy the arrays four times."""

import functools
import itertools
import mmap
import os
from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np

_BYTES = 4  # Of a value: float32 in images, int32 in masks.


_numbers = itertools.count()


class Place(NamedTuple):
    """Where another process finds a block.

    Attributes:
        path: str. Path of the memory.
        number: int. Number of the block, which no other one has.
    """

    path: str
    number: int


class Filled(NamedTuple):
    """Says that a block holds a batch.

    Attributes:
        images: tuple of int. Shape of the images, which come first.
        masks: tuple of int. Shape of the masks.
    """

    images: tuple[int, ...]
    masks: tuple[int, ...]


class SharedBlock:
    """A block of memory without a name, which is gone when the processes that use it are. Of Linux.

    Args:
        size: int. Bytes.

    Raises:
        OSError: there is no such memory, or none left.
    """

    def __init__(self, size: int) -> None:
        if not hasattr(os, "memfd_create"):
            raise OSError("needs memfd_create, of Linux")
        self._file = os.fdopen(os.memfd_create("keras_seg"), "r+b")
        os.posix_fallocate(self._file.fileno(), 0, size)  # Fails here, where pages could fail when they are written.
        self._memory = mmap.mmap(self._file.fileno(), size)
        # Numbers of files are used again, and the other process keeps what it has opened.
        self.place = Place(f"/proc/{os.getpid()}/fd/{self._file.fileno()}", next(_numbers))

    @classmethod
    def made(cls, size: int) -> Self | None:
        """A block, or None where there can be none."""
        try:
            return cls(size)
        except OSError:
            return None

    def arrays(self, filled: Filled) -> tuple[np.ndarray, np.ndarray]:
        """Copies of the images and masks that it holds."""
        images, masks = _views(self._memory, filled)
        return images.copy(), masks.copy()


def size_of(images: np.ndarray, masks: np.ndarray) -> int:
    """Bytes that a batch takes in a block."""
    return (images.size + masks.size) * _BYTES


def fill(place: Place, images: Sequence[np.ndarray], masks: Sequence[np.ndarray]) -> Filled | None:
    """Stack images and masks into the block of another process; None if they do not fit or it cannot be opened."""
    filled = Filled((len(images), *images[0].shape), (len(masks), *masks[0].shape))
    try:
        views = _views(_opened(place), filled)
    except (OSError, ValueError):
        return None
    for arrays, view in zip((images, masks), views, strict=True):
        np.stack(arrays, out=view)
    return filled


@functools.lru_cache(maxsize=64)
def _opened(place: Place) -> mmap.mmap:
    with open(place.path, "r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def _views(memory: mmap.mmap, filled: Filled) -> tuple[np.ndarray, np.ndarray]:
    """The arrays that lie in a block; a ValueError if it is too small."""
    count, of_masks = int(np.prod(filled.images)), int(np.prod(filled.masks))
    images = np.frombuffer(memory, "float32", count)
    masks = np.frombuffer(memory, "int32", of_masks, offset=count * _BYTES)
    return images.reshape(filled.images), masks.reshape(filled.masks)
