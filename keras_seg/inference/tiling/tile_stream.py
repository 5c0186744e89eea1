"""The scores of all tiles of an image, one row of tiles after the other."""

from collections.abc import Iterator

import keras
import numpy as np

from keras_seg.inference.output_kind import check_finite, sole_output
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.tile_grid import TileAxis


def tile_scores(
    model: keras.Model, source: RasterSource, rows: TileAxis, *, columns: TileAxis, batch_size: int, first_row: int = 0
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Predict the tiles of an image in batches that all have the same shape.

    One tile row of the image is in memory at a time. Batches continue from one tile row into the next; only the last
    batch is filled up, with copies of its first tile.

    Args:
        model: `keras.Model`.
        source: a `RasterSource`.
        rows: `TileAxis` down the image.
        columns: `TileAxis` across.
        batch_size: int.
        first_row: int, the first tile row. Defaults to 0.

    Yields:
        (tile row, tile column, float32 array (height, width, classes)), row by row.
    """
    size = [axis.tile + 2 * axis.border for axis in (rows, columns)]
    batch = np.zeros((batch_size, *size, source.shape[2]), "float32")
    across = columns.positions()
    places = []
    for row in range(first_row, len(rows.starts)):
        strip = source.read_mirrored(rows.positions(rows.starts[row], rows.starts[row] + rows.tile), across)
        for column, left in enumerate(columns.starts):
            batch[len(places)] = strip[:, left : left + size[1]]
            places.append((row, column))
            if len(places) == batch_size:
                yield from _predicted(model, batch, places, rows=rows, columns=columns)
                places = []
    if places:
        batch[len(places) :] = batch[:1]
        yield from _predicted(model, batch, places, rows=rows, columns=columns)


def _predicted(
    model: keras.Model, batch: np.ndarray, places: list[tuple[int, int]], *, rows: TileAxis, columns: TileAxis
) -> Iterator[tuple[int, int, np.ndarray]]:
    scores = np.asarray(sole_output(model.predict_on_batch(batch)), "float32")
    for (row, column), score in zip(places, scores, strict=False):
        top, left = rows.starts[row], columns.starts[column]
        place = f"rows {top} to {top + rows.tile} and columns {left} to {left + columns.tile}"
        check_finite(score, f"The scores of `image` in {place}")
        yield row, column, score
