"""Which bands of a raster are finished, so that the same call goes on with the others."""

import json
import pathlib

import numpy as np

from keras_seg import _files
from keras_seg._validation import InputError
from keras_seg.inference.tiling.raster_layout import RasterLayout
from keras_seg.inference.tiling.run_journal import RunJournal
from keras_seg.scale.made_with import MadeWith
from keras_seg.scale.raster_bands import Band


class BandJournal:
    """A small JSON file beside an output, where a single process keeps its own: no two runs write one output.

    Args:
        path: pathlib.Path of the file.
        made: `MadeWith`, what the run predicts with.

    Attributes:
        layout: `RasterLayout` of the output; None before a run begins.
        bands: tuple of (first row, last row), not included, from the first to the last.
    """

    def __init__(self, path: pathlib.Path, made: MadeWith) -> None:
        self._path, self._made = path, made
        self.layout: RasterLayout | None = None
        self.bands: tuple[Band, ...] = ()
        self._finished: set[Band] = set()

    @property
    def waiting(self) -> list[Band]:
        """The bands that are not finished."""
        return [band for band in self.bands if band not in self._finished]

    def load(self) -> None:
        """Take over what an interrupted run has finished, if it is there.

        Raises:
            InputError: the run predicted with something else, or its file cannot be read.
        """
        if not self._path.exists():
            return
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            made, finished = content["made_with"], {(top, stop) for top, stop in content["finished"]}
            bands = tuple((top, stop) for top, stop in content["bands"])
            shape, dtype, ids, nodata = content["layout"]
            layout = RasterLayout(tuple(shape), np.dtype(dtype), ids, nodata)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self._path}: is broken, or belongs to an interrupted run of a single process, which has to finish "
                "it. Replace it with `overwrite=True`, or choose another path."
            ) from error
        if not finished:
            return
        if made != self._made.facts:
            raise InputError(
                f"{self._path}: the interrupted run predicted with another {self._made.others(made)}. Use the same, "
                "replace it with `overwrite=True`, or choose another path."
            )
        self.layout, self.bands, self._finished = layout, bands, finished

    def begin(self, layout: RasterLayout, bands: tuple[Band, ...]) -> None:
        """Note that nothing is finished."""
        self.layout, self.bands, self._finished = layout, bands, set()
        self._write()

    def finish(self, band: Band) -> None:
        """Note that a band is finished, and written for good."""
        self._finished.add(band)
        self._write()

    def remove(self) -> None:
        """Remove the file, and what that of a single process consists of."""
        RunJournal(self._path, {}).remove()

    def _write(self) -> None:
        if self.layout is None:
            return
        layout = self.layout._replace(dtype=self.layout.dtype.name)
        content = {"made_with": self._made.facts, "layout": layout, "bands": self.bands}
        _files.write_json(self._path, {**content, "finished": sorted(self._finished)})
