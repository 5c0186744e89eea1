"""The one rule that brings the values of all files to 0..255."""

import numpy as np

from keras_seg._types import PathLike
from keras_seg._validation import InputError

UINT16_SCALE = np.float32(255 / 65535)


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
