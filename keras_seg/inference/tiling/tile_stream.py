"""The scores of all tiles of an image, one tile row after the other."""

import keras
import numpy as np

from keras_seg._validation import InputError


def tile_scores(model, source, rows, *, columns, batch_size, first_row=0):
    """Predict the tiles of an image in batches that all have the same shape.

    One tile row of the image is in memory at a time. Batches run on from one tile row into the next, so that only the
    very last is filled up, with copies of its first tile.

    Args:
        model: `keras.Model`.
        source: a `RasterSource`.
        rows: `TileAxis` down the image.
        columns: `TileAxis` across.
        batch_size: int.
        first_row: int, the tile row to begin with.

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


def _predicted(model, batch, places, *, rows, columns):
    (scores,) = keras.tree.flatten(model.predict_on_batch(batch))
    scores = np.asarray(scores, "float32")
    for (row, column), score in zip(places, scores, strict=False):
        if not np.isfinite(score.sum(dtype="float64")):
            top, left = rows.starts[row], columns.starts[column]
            place = f"rows {top} to {top + rows.tile} and columns {left} to {left + columns.tile}"
            raise InputError(
                f"`image` leads the model to scores that are not finite, in {place}. "
                "Replace NaN and infinity in it, with numpy.nan_to_num for instance, or look for them in the weights."
            )
        yield row, column, score
