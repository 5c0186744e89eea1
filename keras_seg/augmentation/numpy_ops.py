"""The operations of an augmentation on NumPy, for arrays where TensorFlow does not read the data."""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_seg import _philox
from keras_seg.augmentation.namespace import Namespace


class NumpyOps(Namespace):
    """The operations of `keras.ops` that augmentation needs, made of NumPy's, with the draws of `TensorFlowOps`.

    Results equal those on TensorFlow up to rounding, so that a data set looks the same wherever it is read.
    """

    reads_by_axes = True

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    def arange(self, stop: int, dtype: str) -> np.ndarray:
        """0, 1, ..., `stop` - 1."""
        return np.arange(stop, dtype=dtype)

    def argmax(self, x: np.ndarray, axis: int) -> np.ndarray:
        """Position of the largest value."""
        return np.argmax(x, axis).astype("int32")

    def cast(self, x: Any, dtype: str) -> np.ndarray:
        """`x` as an array of a type."""
        return np.asarray(x).astype(dtype, copy=False)

    def convert_to_tensor(self, x: Any, dtype: Any = None) -> np.ndarray:
        """An array; Python's floats become float32 and its ints int32, as on TensorFlow."""
        found = np.asarray(x, dtype)
        if dtype is None and not isinstance(x, (np.ndarray, np.generic)):
            return found.astype({"f": "float32", "i": "int32"}.get(found.dtype.kind, found.dtype), copy=False)
        return found

    def shape(self, x: np.ndarray) -> tuple[int, ...]:
        """The shape."""
        return x.shape

    def random(self, seed: Any, count: int, width: int) -> tuple[np.ndarray, Callable[[Any], np.ndarray]]:
        """See `Namespace`."""
        pair = (int(seed), 0) if np.ndim(seed) == 0 else (int(seed[0]), int(seed[1]))
        return _philox.uniform(pair, (count, width)), NumpyNormal(pair)

    def choose(self, active: np.ndarray, changed: Callable[[], np.ndarray], image: np.ndarray) -> np.ndarray:
        """See `Namespace`. What is not changed is not computed either."""
        return super().choose(active, changed, image) if np.any(active) else image

    def colors_times(self, image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """See `Namespace`. Row by row: the product of a whole image is divided among BLAS' own threads.

        These wait for one another where images are augmented side by side, and for the cores where a model is trained.
        """
        return np.matmul(image, matrix[:, None])

    def filled(self, image: np.ndarray, across: np.ndarray, down: np.ndarray, fill: Any) -> np.ndarray:
        """See `Namespace`. Where whole rows and columns lie outside, these alone are written."""
        if across.shape[1] != 1 or down.shape[2] != 1:
            return super().filled(image, across, down, fill)
        colors = np.broadcast_to(np.asarray(fill, "float32"), (len(image), 1, 1, image.shape[-1]))
        for one, columns, rows, color in zip(image, across[:, 0, :, 0], down[:, :, 0, 0], colors, strict=True):
            one[rows == 0] = color[0]
            one[:, columns == 0] = color
        return image


class NumpyNormal:
    """Normal numbers from a seed; different ones at every call."""

    def __init__(self, seed: tuple[int, int]) -> None:
        self.seed, self.calls = seed, 0

    def __call__(self, shape: Any) -> np.ndarray:
        self.calls += 1
        return _philox.normal(_philox.fold_in(self.seed, self.calls, bits=32), tuple(map(int, shape)))


@functools.cache
def ops_on_numpy() -> NumpyOps:
    """The namespace."""
    return NumpyOps()
