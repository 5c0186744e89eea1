"""Images and masks of another size, in NumPy, as `tf.image.resize` computes them."""

import functools

import numpy as np


def resize_image(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An image (height, width, channels), bilinear with antialiasing, as float32 in its own range."""
    rows, columns = (_weights(old, new) for old, new in zip(image.shape[:2], size, strict=True))
    narrow = np.tensordot(rows, image.astype("float32"), axes=(1, 0))
    found = np.tensordot(columns, narrow, axes=(1, 1)).swapaxes(0, 1)
    return np.ascontiguousarray(found)


def resize_mask(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A mask (height, width), by the pixel that holds the center of the new one."""
    rows, columns = (_nearest(old, new) for old, new in zip(mask.shape, size, strict=True))
    return mask[rows[:, None], columns]


@functools.lru_cache(maxsize=256)
def _weights(old: int, new: int) -> np.ndarray:
    """The share of each old pixel in each new one, float32 (new, old): a triangle as wide as the larger of both."""
    scale = np.float32(new) / np.float32(old)
    wide = max(np.float32(1.0) / scale, np.float32(1.0))
    centers = (np.arange(new, dtype="float32") + np.float32(0.5)) / scale
    distance = np.abs(np.arange(old, dtype="float32") + np.float32(0.5) - centers[:, None]) / wide
    found = np.maximum(0, 1 - distance)
    return found / found.sum(axis=1, keepdims=True)


@functools.lru_cache(maxsize=256)
def _nearest(old: int, new: int) -> np.ndarray:
    """The old pixel of each new one."""
    scale = np.float32(old) / np.float32(new)
    return np.minimum(((np.arange(new, dtype="float32") + np.float32(0.5)) * scale).astype(int), old - 1)
