"""The classes of a pixel, of which it may have several or none, as the bits of an integer: bit k is class k."""

import numpy as np


def unpacked(bits: np.ndarray, num_classes: int) -> np.ndarray:
    """uint8 (..., num_classes): 1 in the channel of each class of a pixel."""
    return (bits.astype("int64")[..., None] >> np.arange(num_classes) & 1).astype("uint8")


def packed(flags: np.ndarray) -> np.ndarray:
    """int32 (...) from a bool array (..., classes)."""
    return (flags.astype("int64") << np.arange(flags.shape[-1])).sum(axis=-1).astype("int32")
