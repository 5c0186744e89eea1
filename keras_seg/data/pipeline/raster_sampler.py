"""Crops drawn from rasters, without cutting them to files first."""

from collections.abc import Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import count_up
from keras_seg.data.pipeline.raster_pair import PixelBox, RasterPair

# Side of the cells in which classes are counted. Counts of 10^10 pixels of ten classes take 3 MB.
_CELL = 512


class RasterSampler:
    """Draws labeled pixels of rasters and cuts crops that hold them.

    The labels are read once, to count the classes of each cell of the rasters and to check every label.

    Args:
        pairs: the rasters.
        size: (height, width) of the crops.
        num_classes: int, or None for the largest label plus one.
        ignored: labels that are no classes.
        balanced: bool. Whether classes take turns.

    Attributes:
        counts: int64 array (cells, classes).
        num_classes: int.

    Raises:
        InputError: a label is neither a class nor ignored, labels do not count up from 0 and their number is not given,
            fewer than two classes have pixels, or the overlap of two rasters is smaller than a crop.
    """

    def __init__(
        self,
        pairs: Sequence[RasterPair],
        size: tuple[int, int],
        *,
        num_classes: int | None,
        ignored: Sequence[int],
        balanced: bool,
    ) -> None:
        self._pairs, self._size, self._balanced, self._ignored = pairs, size, balanced, np.asarray(ignored, "int64")
        for pair in pairs:
            if pair.box.size[0] < size[0] or pair.box.size[1] < size[1]:
                height, width = pair.box.size
                raise InputError(
                    f"{pair.image.path}: the part with labels, within the bounds, has {height}x{width} pixels, and "
                    f"crops {size[0]}x{size[1]}. Choose a smaller `crop`."
                )
        self._cells = [(pair, cell) for pair in pairs for cell in _cells(pair.box)]
        found = [self._counted(pair, cell, num_classes) for pair, cell in self._cells]
        self.num_classes = num_classes or self._detected_classes([values for values, _ in found])
        self.counts = np.zeros((len(found), self.num_classes), "int64")
        for row, (values, counts) in zip(self.counts, found, strict=True):
            row[values] = counts
        # The classes that have pixels.
        self._classes = np.flatnonzero(self.counts.sum(axis=0))
        if not len(self._classes):
            raise InputError(
                f"{pairs[0].labels.path}: no pixel of any class has an image. Check `ignore_class` and nodata."
            )
        if len(self._classes) == 1:
            raise InputError(
                f"{pairs[0].labels.path}: no class but {self._classes[0]} has pixels beside the ignored label. Of "
                "black and white labels, pass label_map={0: 0, 255: 1}; check `ignore_class` and nodata."
            )

    def draw(self, key: np.ndarray, position: int) -> tuple[np.ndarray, np.ndarray]:
        """The crop of one example: the image in 0..255 and int32 labels.

        The pixel is anywhere in its crop with equal probability, except near the ends of the raster.
        """
        rng = np.random.default_rng([int(part) & 0xFFFFFFFFFFFFFFFF for part in key])
        classes = self._classes[[int(position) % len(self._classes)]] if self._balanced else self._classes
        # The pixels of these classes in all cells, numbered consecutively.
        ends = np.cumsum(self.counts[:, classes].sum(axis=1))
        pixel = rng.integers(ends[-1])
        number = int(np.searchsorted(ends, pixel, side="right"))
        pair, cell = self._cells[number]
        fits = np.flatnonzero(np.isin(pair.read_labels(cell), classes))
        place = fits[pixel - ends[number]]  # Counted from the end of the cell.
        row, column = (int(side) for side in np.unravel_index(place, cell.size))
        box = self._around(pair.box, (cell.top + row, cell.left + column), rng)
        return pair.read_image(box).astype(self.image_dtype, copy=False), pair.read_labels(box).astype("int32")

    @property
    def image_dtype(self) -> np.dtype:
        """uint8 if all images are, else float32."""
        return np.dtype("uint8" if all(pair.image.dtype == np.uint8 for pair in self._pairs) else "float32")

    def _around(self, limits: PixelBox, pixel: tuple[int, int], rng: np.random.Generator) -> PixelBox:
        first = np.array(pixel) - rng.integers(self._size)
        lowest = np.array([limits.top, limits.left])
        top, left = np.clip(first, lowest, [limits.bottom, limits.right] - np.array(self._size)).tolist()
        return PixelBox(top, top + self._size[0], left, left + self._size[1])

    def _detected_classes(self, found: Sequence[np.ndarray]) -> int:
        """The largest label of all cells plus one."""
        ids = np.unique(np.concatenate(found)).tolist()
        if ids and not count_up(ids):
            largest = ids[-1]
            pair = next(pair for (pair, _), values in zip(self._cells, found, strict=True) if largest in values)
            shown = ", ".join(map(str, ids[:6] if len(ids) <= 6 else [*ids[:5], "...", largest]))
            raise InputError(
                f"{pair.labels.path}: holds the label {largest}, and all labels are {shown}, which do not count up "
                f"from 0. If it marks pixels without a class, declare that: rio edit-info --nodata {largest} "
                f"{pair.labels.path.name}. Otherwise number the classes by `label_map`, or pass "
                f"num_classes={largest + 1} to keep them."
            )
        return max([2, *(label + 1 for label in ids[-1:])])

    def _counted(self, pair: RasterPair, cell: PixelBox, num_classes: int | None) -> tuple[np.ndarray, np.ndarray]:
        """The labels of a cell that are classes, and their pixels."""
        values, counts = np.unique(pair.read_labels(cell), return_counts=True)
        kept = ~np.isin(values, self._ignored)
        values, counts = values[kept], counts[kept]
        wrong = values[(values < 0) | (values >= (num_classes or np.inf))]
        if len(wrong):
            ids = "0 and more" if num_classes is None else f"0 to {num_classes - 1}"
            shown = ", ".join(str(pair.stored_value(int(value))) for value in wrong[:5])
            raise InputError(
                f"{pair.labels.path}: holds the labels {shown}, and ids are {ids}. Add them to `ignore_class` or to "
                "`label_map`, or correct `num_classes`."
            )
        return values, counts


def _cells(box: PixelBox) -> list[PixelBox]:
    return [
        PixelBox(top, min(top + _CELL, box.bottom), left, min(left + _CELL, box.right))
        for top in range(box.top, box.bottom, _CELL)
        for left in range(box.left, box.right, _CELL)
    ]
