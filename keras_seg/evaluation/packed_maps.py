"""Maps of many images in little memory."""

import zlib

import numpy as np


class PackedMaps:
    """Integer maps of many images, compressed: they are read again when the last one is known."""

    def __init__(self) -> None:
        self._maps: dict[int, tuple[bytes, tuple[int, ...], np.dtype]] = {}

    def __setitem__(self, position: int, values: np.ndarray) -> None:
        self._maps[position] = (zlib.compress(np.ascontiguousarray(values).tobytes(), 1), values.shape, values.dtype)

    def __getitem__(self, position: int) -> np.ndarray:
        packed, shape, dtype = self._maps[position]
        return np.frombuffer(zlib.decompress(packed), dtype).reshape(shape)
