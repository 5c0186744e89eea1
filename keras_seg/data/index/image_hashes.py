"""Small numbers by which images are compared, so that copies are found without keeping pixels."""

import hashlib
from typing import NamedTuple

import numpy as np
from PIL import Image

THUMBNAIL = 16
_HASH_WIDTH, _HASH_HEIGHT = 9, 8
# Pictures are reduced to sides of at least this many pixels first, which is faster than averaging all of them twice.
_REDUCED = 128


class ImageHashes(NamedTuple):
    """What identifies an image.

    Args:
        pixels: 16 bytes that are equal for images of equal size and pixels.
        shape: 64 bits, similar for similar images: the difference hash.
        thumbnail: 16x16 gray values.
    """

    pixels: bytes
    shape: int
    thumbnail: bytes


def image_hashes(image: np.ndarray) -> ImageHashes:
    """The hashes of an image (height, width, channels)."""
    gray = gray_picture(_reduced(image))
    small = _resized(gray, _HASH_WIDTH, _HASH_HEIGHT)
    shape = int.from_bytes(np.packbits(small[:, 1:] > small[:, :-1]).tobytes(), "big")
    return ImageHashes(_pixel_hash(image), shape, _resized(gray, THUMBNAIL, THUMBNAIL).tobytes())


def gray_picture(image: np.ndarray) -> np.ndarray:
    """An image (height, width, channels) as uint8 gray values; wide ones are stretched to their own range."""
    gray = image[..., : 3 if image.shape[-1] >= 3 else 1]
    if gray.dtype == np.uint8:
        return gray[..., 0] if gray.shape[-1] == 1 else np.array(Image.fromarray(gray).convert("L"))
    with np.errstate(all="ignore"):  # Floats may hold NaN and infinity.
        gray = gray.mean(-1)
        low, high = float(gray.min()), float(gray.max())
        return ((gray - low) * (255 / max(high - low, 1e-12))).astype(np.uint8)


def _pixel_hash(image: np.ndarray) -> bytes:
    # Not a secret: SHA-1 is the fastest of the standard library where processors have instructions for it.
    digest = hashlib.sha1(str((image.shape, image.dtype.str)).encode(), usedforsecurity=False)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()[:16]


def _reduced(image: np.ndarray) -> np.ndarray:
    factor = min(image.shape[:2]) // _REDUCED
    if factor < 2 or image.dtype != np.uint8 or image.shape[-1] not in (1, 3):
        return image
    picture = Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).reduce(factor)
    return np.array(picture).reshape(picture.height, picture.width, -1)


def _resized(gray: np.ndarray, width: int, height: int) -> np.ndarray:
    return np.array(Image.fromarray(gray).resize((width, height), Image.Resampling.BOX))
