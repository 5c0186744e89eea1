"""The prediction of one raster: the values of all its rows, or of some of them."""

import bisect
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.inference.tiling.blend_weights import blend_weights
from keras_seg.inference.tiling.blended_strip import BlendedStrip
from keras_seg.inference.tiling.raster_layout import RasterLayout
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.run_journal import FinishedRows, RunJournal
from keras_seg.inference.tiling.tile_stream import tile_scores

if TYPE_CHECKING:
    from keras_seg.inference.tiling.tiled_predictor import TiledPredictor

# Rows whose class ids are found at once.
_ROWS = 32


class RasterPrediction:
    """What a predictor predicts of a raster, computed a row of tiles at a time.

    Args:
        predictor: `TiledPredictor`.
        source: `RasterSource`.
        layout: `RasterLayout` of the values.

    Attributes:
        rows: `TileAxis` down the raster.
        columns: `TileAxis` across.
    """

    def __init__(self, predictor: "TiledPredictor", source: RasterSource, layout: RasterLayout) -> None:
        self._predictor, self._source, self._layout = predictor, source, layout
        self._kind = output_kind(predictor.model)
        self.rows, self.columns = predictor.grid(source.shape[:2])

    def remaining(
        self, done: FinishedRows, *, journal: RunJournal, report: Callable[[int], None]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """The values that a run still has to write: (first row, values) of the rows that each row of tiles finishes.

        What was yielded must be written before the next one is asked for, as it is then noted in the journal.

        Args:
            done: `FinishedRows` of the run before.
            journal: `RunJournal` that notes what is finished.
            report: function of the number of tiles that are done.
        """
        for top, scores in self._blended(done, len(self.rows.starts), journal=journal, report=report):
            yield top, self._values(top, scores)

    def band(self, top: int, stop: int) -> Iterator[tuple[int, np.ndarray]]:
        """The values of rows `top` to `stop`, as (first row, values) of a few rows at a time, from top to bottom.

        They equal those of the whole raster, bit for bit: all tiles that reach into the band are predicted, in the
        batches of the whole raster, and are added up in its order. What was yielded changes when the next is asked for.
        """
        first, last = self._tile_rows(top, stop)
        no_journal = RunJournal(None, {})
        blended = self._blended(FinishedRows(tile_rows=first), last, journal=no_journal, report=lambda done: None)
        for at, scores in blended:
            # The first tiles also cover rows above the band, to whose sums others would add.
            start, end = max(at, top), min(at + len(scores), stop)
            if start < end:
                yield start, self._values(start, scores[start - at : end - at])

    def _tile_rows(self, top: int, stop: int) -> tuple[int, int]:
        """The tile rows that reach into rows `top` to `stop`: the first one, and the one behind the last."""
        starts, tile = self.rows.starts, self.rows.tile
        return bisect.bisect_right(starts, top - tile), bisect.bisect_left(starts, stop)

    def _blended(
        self, done: FinishedRows, last_row: int, *, journal: RunJournal, report: Callable[[int], None]
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Predict the tile rows from those done to `last_row`, not included: (first row, blended scores) of the pixels
        that each one finishes."""
        predictor, rows, columns = self._predictor, self.rows, self.columns
        down, across = (blend_weights(axis, predictor.blend) for axis in (rows, columns))
        strip = BlendedStrip(rows.tile, columns.covered, predictor.geometry.classes)
        if done.tile_rows < len(rows.starts):
            strip.top = rows.starts[done.tile_rows]
        if done.sums is not None:
            strip.rows[: len(done.sums)] = done.sums
        tiles = tile_scores(
            predictor.model,
            self._source,
            rows,
            columns=columns,
            batch_size=predictor.batch_size,
            tile_rows=range(done.tile_rows, last_row),
        )
        for row, column, scores in tiles:
            strip.add(columns.starts[column], scores, down[row], across[column])
            report(row * len(columns.starts) + column + 1)
            if column == len(columns.starts) - 1:
                finished = (*rows.starts, rows.covered)[row + 1]
                part = strip.above(min(finished, rows.length))[:, : columns.length]
                if len(part):
                    yield strip.top, part
                strip.move_to(finished)
                sums = strip.rows[: rows.starts[row] + rows.tile - finished]
                journal.record(FinishedRows(tile_rows=row + 1, sums=sums))

    def _values(self, top: int, scores: np.ndarray) -> np.ndarray:
        """What is written for rows of scores from row `top` on; the scores themselves may be returned."""
        values = self._ids(scores) if self._layout.holds_ids else scores
        valid = self._source.valid(top, top + len(scores))
        if valid is None:
            return values
        if self._layout.holds_ids:
            values[~valid] = self._layout.nodata
            return values
        # Sums that are still needed.
        values = values.copy()
        values[~valid] = np.nan
        return values

    def _ids(self, scores: np.ndarray) -> np.ndarray:
        """The class ids of rows of scores, a few rows at a time: the search takes 8 bytes per pixel."""
        ids = np.empty(scores.shape[:2], self._layout.dtype)
        for top in range(0, len(scores), _ROWS):
            ids[top : top + _ROWS] = class_ids(scores[top : top + _ROWS], self._kind)
        return ids
