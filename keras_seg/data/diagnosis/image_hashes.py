"""Hashes and thumbnails by which images are compared."""

import hashlib

import numpy as np
from PIL import Image

THUMBNAIL = 16
_HASH_SIDE = 8


def pixel_hash(image: np.ndarray) -> bytes:
    """16 bytes that are equal for images of equal size and pixels."""
    digest = hashlib.blake2b(str((image.shape, image.dtype.str)).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()


def gray_picture(image: np.ndarray) -> np.ndarray:
    """An image (height, width, channels) as uint8 gray values; wide ones are stretched to their own range."""
    gray = image[..., : 3 if image.shape[-1] >= 3 else 1]
    if gray.dtype == np.uint8:
        return gray[..., 0] if gray.shape[-1] == 1 else np.array(Image.fromarray(gray).convert("L"))
    gray = gray.mean(-1)
    low, high = float(gray.min()), float(gray.max())
    return ((gray - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)


def shape_hash(gray: np.ndarray) -> int:
    """64 bits, one per comparison of neighbors in a picture of 9x8 pixels: the difference hash."""
    small = _small(gray, _HASH_SIDE + 1, _HASH_SIDE)
    return int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")


def thumbnail(gray: np.ndarray) -> bytes:
    """The gray picture with 16x16 pixels."""
    return _small(gray, THUMBNAIL, THUMBNAIL).tobytes()


def _small(gray: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.array(Image.fromarray(gray).resize((width, height), Image.Resampling.BOX))
