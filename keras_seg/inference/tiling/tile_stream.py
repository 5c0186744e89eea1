"""The scores of all tiles of an image, one row of tiles after the other."""

from collections.abc import Iterator

import keras
import numpy as np

from keras_seg.inference.output_kind import check_finite, sole_output
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.tile_grid import TileAxis


def tile_scores(
    model: keras.Model,
    source: RasterSource,
    rows: TileAxis,
    *,
    columns: TileAxis,
    batch_size: int,
    tile_rows: range | None = None,
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Predict the tiles of an image in batches that all have the same shape.

    One tile row of the image is in memory at a time. Batches continue from one tile row into the next; only the last
    batch of the image is filled up, with copies of its first tile. Some tile rows alone are predicted in the batches
    of the whole image, because the last bits of a tile's scores may depend on its place in the batch.

    Args:
        model: `keras.Model`.
        source: a `RasterSource`.
        rows: `TileAxis` down the image.
        columns: `TileAxis` across.
        batch_size: int.
        tile_rows: range of the tile rows. Defaults to None: all.

    Yields:
        (tile row, tile column, float32 array (height, width, classes)), row by row.
    """
    size = [axis.tile + 2 * axis.border for axis in (rows, columns)]
    batch = np.zeros((batch_size, *size, source.shape[2]), "float32")
    wanted = range(len(rows.starts)) if tile_rows is None else tile_rows
    numbers = _whole_batches(wanted, len(rows.starts), columns=len(columns.starts), batch_size=batch_size)
    across = columns.positions()
    places, strip, strip_row = [], np.empty(0), None
    for number in numbers:
        row, column = divmod(number, len(columns.starts))
        if row != strip_row:
            strip_row = row
            strip = source.read_mirrored(rows.positions(rows.starts[row], rows.starts[row] + rows.tile), across)
        left = columns.starts[column]
        batch[len(places)] = strip[:, left : left + size[1]]
        places.append((row, column))
        if len(places) == batch_size or number == numbers[-1]:
            batch[len(places) :] = batch[:1]
            for found in _predicted(model, batch, places, rows=rows, columns=columns):
                if found[0] in wanted:
                    yield found
            places = []


def _whole_batches(wanted: range, tile_rows: int, *, columns: int, batch_size: int) -> range:
    """The numbers of the tiles, counted row by row, of all batches that tiles of the wanted tile rows are in."""
    if not wanted:
        return range(0)
    first, stop = wanted.start * columns, wanted.stop * columns
    return range(first // batch_size * batch_size, min(-(-stop // batch_size) * batch_size, tile_rows * columns))


def _predicted(
    model: keras.Model, batch: np.ndarray, places: list[tuple[int, int]], *, rows: TileAxis, columns: TileAxis
) -> Iterator[tuple[int, int, np.ndarray]]:
    scores = np.asarray(sole_output(model.predict_on_batch(batch)), "float32")
    for (row, column), score in zip(places, scores, strict=False):
        top, left = rows.starts[row], columns.starts[column]
        place = f"rows {top} to {top + rows.tile} and columns {left} to {left + columns.tile}"
        check_finite(score, f"The scores of `image` in {place}")
        yield row, column, score
