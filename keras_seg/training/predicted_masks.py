"""Predicted masks on disk, read again for tables and polygons."""

import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from keras_seg._decoding.arrays import is_array, open_array
from keras_seg._decoding.geo_raster import GeoRaster, is_geo_raster
from keras_seg.data.index.reading import read_mask
from keras_seg.training.prediction_file import PredictionFile

_ROWS = 1024


class PredictedMask(NamedTuple):
    """A predicted mask.

    Args:
        name: str. The image, as tables name it: its subfolder below the output folder and its file name.
        path: the file of the mask, or a folder with one per class.
    """

    name: str
    path: pathlib.Path

    @property
    def raster(self) -> bool:
        """Whether the mask may be larger than memory."""
        return is_array(self.path) or self.on_map

    @property
    def on_map(self) -> bool:
        """Whether the mask is georeferenced."""
        return is_geo_raster(self.path)

    def labels(self) -> np.ndarray:
        """The whole mask, int (height, width)."""
        if is_array(self.path):
            return np.array(open_array(self.path)[:])
        return read_mask(self.path)

    @property
    def overlapping(self) -> bool:
        """Whether the classes overlap: there is a black and white mask per class."""
        return self.path.is_dir() and not self.raster

    def of_class(self, name: str) -> np.ndarray:
        """The pixels of a class that may overlap others, bool (height, width)."""
        return read_mask(self.path / f"{name}.png") > 0

    def class_pixels(self, names: Sequence[str]) -> tuple[np.ndarray, int]:
        """(pixels of each class, pixels of the image); those without data or with another label belong to neither."""
        if self.overlapping:
            maps = [self.of_class(name) for name in names]
            return np.array([np.count_nonzero(map_) for map_ in maps], "int64"), maps[0].size
        counts = np.zeros(len(names), "int64")
        for block in self.blocks():
            # A mask that was kept may be a ground truth, with labels that are ignored.
            labels = block[(block >= 0) & (block < len(names))]
            counts += np.bincount(labels, minlength=len(names))
        return counts, int(counts.sum())

    def label_maps(self, names: Mapping[int, str] | None) -> list[np.ndarray]:
        """Integer maps (height, width) that hold each class, or object number: several where classes overlap.

        Args:
            names: dict from the ids of the wanted classes to their names; None for object numbers.
        """
        if names is None or not self.overlapping:
            return [self.labels()]
        return [np.where(self.of_class(name), id_, -1) for id_, name in names.items()]

    def blocks(self) -> Iterator[np.ndarray]:
        """The labels of the mask from top to bottom, so that a raster need not fit in memory."""
        if self.on_map:
            yield from _valid_labels(GeoRaster(self.path))
            return
        array = open_array(self.path) if self.raster else self.labels()
        for row in range(0, array.shape[0], _ROWS):
            yield np.asarray(array[row : row + _ROWS])


def _valid_labels(raster: GeoRaster) -> Iterator[np.ndarray]:
    """The labels of pixels that hold data."""
    height, width, _ = raster.shape
    for top in range(0, height, _ROWS):
        bottom = min(top + _ROWS, height)
        labels, valid = raster[top:bottom, 0:width][..., 0], raster.valid(top, bottom, 0, width)
        yield labels if valid is None else labels[valid]


def predicted_masks(files: Iterable[PredictionFile], out: pathlib.Path) -> list[PredictedMask]:
    """The masks of these files that exist, in the order of their names."""
    return sorted(PredictedMask(mask_name(file, out), file.mask) for file in files if file.mask.exists())


def mask_name(file: PredictionFile, out: pathlib.Path) -> str:
    """The image of a mask, as tables name it."""
    return (file.mask.parent.relative_to(out / "masks") / file.image.name).as_posix()
