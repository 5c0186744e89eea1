"""The one rule that brings the values of all files to 0..255."""

import numpy as np

from keras_seg._types import PathLike
from keras_seg._validation import InputError

UINT16_SCALE = np.float32(255 / 65535)
# The smallest and the largest value, on the scale 0..255.
ValueRange = tuple[float, float]

# 14 of 16 bits: nothing brighter than a quarter of white.
_FAINT = 64
# Fractions end at 1, and standardized values rarely leave -5..5. Values of pixels are many times as large.
_LARGEST_STANDARDIZED = 5
_PIXEL_VALUES = 16


def range_of(image: np.ndarray) -> ValueRange:
    """The range of an image on the scale 0..255; the peak of 8 bits says nothing about the scale."""
    return (0.0, 255.0) if image.dtype == np.uint8 else (float(image.min()), float(image.max()))


def scale_of(found: ValueRange) -> str:
    """The scale that values are on: "0..1", "0..255" or "another"."""
    low, peak = found
    if low < 0 or peak > 255:
        return "another"
    # All zeros fit any scale.
    return "0..1" if 0 < peak <= 1 else "0..255"


def described(found: ValueRange) -> str:
    """Values in words: "values up to 1"."""
    low, peak = found
    return f"values up to {peak:g}" if scale_of(found) == "0..1" else f"values from {low:g} to {peak:g}"


def unusual(found: ValueRange, kind: str) -> str:
    """What is unusual about values for a model that takes 0..255, in words; "" if nothing is.

    Args:
        found: the smallest and the largest value.
        kind: "u" for integers in the file, "f" for floats.
    """
    _, peak = found
    if kind == "f":
        return "" if scale_of(found) == "0..255" else described(found)
    if not 0 < peak < _FAINT:
        return ""
    stored = max(round(peak * 257), 1)
    return f"16-bit values up to {stored} of 65535, which are read as {peak:.3g} of 255"


def difference(found: ValueRange | None, known: ValueRange | None) -> str:
    """How values differ in scale from those of training, in words; "" if they do not, or one of the two is None."""
    if found is None or known is None or _size(found) == 0:
        return ""
    if scale_of(found) == scale_of(known) == "another":
        # Each sensor has a scale of its own, and its values vary from image to image.
        return ""
    if scale_of(found) == scale_of(known) and (_size(found) < _FAINT) == (_size(known) < _FAINT):
        return ""
    return f"{described(found)}, but the training images held {described(known)}"


def contradicts(found: ValueRange | None, known: ValueRange | None) -> bool:
    """Whether one of two ranges holds fractions or standardized values, and the other whole pixel values.

    A model that is trained on one of the two gives nonsense for the other.
    """
    if found is None or known is None:
        return False
    small, large = sorted((_size(found), _size(known)))
    return 0 < small <= _LARGEST_STANDARDIZED and large >= _PIXEL_VALUES * small


def _size(found: ValueRange) -> float:
    return max(abs(found[0]), abs(found[1]))


def check_dtype(path: PathLike, dtype: np.dtype) -> None:
    """Refuse values whose scale cannot be known: all except for uint8, uint16 and floats."""
    if dtype.kind == "f" or (dtype.kind == "u" and dtype.itemsize <= 2):
        return
    raise InputError(
        f"{path}: holds {dtype}, whose scale is unknown. Scale the values to 0..255 and save them as float32, or to "
        "0..65535 and save them as uint16."
    )


def to_255(path: PathLike, values: np.ndarray) -> np.ndarray:
    """The values of a file on the scale 0..255: uint8 as it is, uint16 divided by 257, floats as they are.

    Returns:
        uint8, or float32 for uint16 and floats.

    Raises:
        InputError: another dtype, NaN or infinity.
    """
    check_dtype(path, values.dtype)
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "u":
        return values.astype(np.float32) * UINT16_SCALE
    with np.errstate(over="ignore"):
        values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN or infinity. Fill these pixels, and mark them in the mask (ignore_class).")
    return values
