"""Predicted masks on disk, read again for tables and polygons."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from keras_seg._decoding.arrays import is_array, open_array
from keras_seg.training.prediction_files import PredictionFile

_ROWS = 1024


class PredictedMask(NamedTuple):
    """A predicted mask.

    Args:
        name: str. The image, as tables name it: its subfolder below the output folder and its file name.
        path: the file of the mask.
    """

    name: str
    path: pathlib.Path

    @property
    def raster(self) -> bool:
        """Whether the mask may be larger than memory."""
        return is_array(self.path)

    def labels(self) -> np.ndarray:
        """The whole mask, int (height, width)."""
        if self.raster:
            return np.array(open_array(self.path)[:])
        with Image.open(self.path) as picture:
            return np.array(picture)

    def blocks(self) -> Iterator[np.ndarray]:
        """The mask from top to bottom, so that a raster need not fit in memory."""
        array = open_array(self.path) if self.raster else self.labels()
        for row in range(0, array.shape[0], _ROWS):
            yield np.asarray(array[row : row + _ROWS])


def predicted_masks(files: Iterable[PredictionFile], out: pathlib.Path) -> list[PredictedMask]:
    """The masks of these files that exist, in the order of their names."""
    folder = out / "masks"
    found = [
        PredictedMask((file.mask.parent.relative_to(folder) / file.image.name).as_posix(), file.mask)
        for file in files
        if file.mask.exists()
    ]
    return sorted(found)
