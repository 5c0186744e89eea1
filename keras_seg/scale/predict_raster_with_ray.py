"""Prediction of one huge raster by many workers."""

import copy
import dataclasses
import os
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from keras_seg import _validation
from keras_seg._remote_files import is_remote
from keras_seg._types import PathLike, Size
from keras_seg._validation import InputError
from keras_seg.inference import GeoTIFF
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.raster_target import path_target
from keras_seg.inference.tiling.run_journal import image_mark
from keras_seg.inference.tiling.written_rows import is_interrupted, journal_of
from keras_seg.inference.tiling.zarr_store import chunk_rows, sweep
from keras_seg.inference.tta.view import read_transforms
from keras_seg.scale import cluster
from keras_seg.scale.band_journal import BandJournal
from keras_seg.scale.job import each_result
from keras_seg.scale.made_with import MadeWith
from keras_seg.scale.opened_model import OpenedModel
from keras_seg.scale.raster_bands import raster_bands
from keras_seg.scale.raster_job import DESCRIBE, RasterJob
from keras_seg.training.open_model import open_model
from keras_seg.training.prediction_notices import PredictionNotices
from keras_seg.training.raster_file import open_raster

# Called with (rows of pixels done, rows in total, million pixels per second).
_Report = Callable[[int, int, float], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PredictedRaster:
    """What became of a huge raster.

    Attributes:
        path: pathlib.Path. The prediction.
        size: (height, width) of the raster, pixels.
        bands: int. Number of bands that it was predicted in.
        kept: int. Bands that an interrupted call had finished.
        seconds: float. Time from the start of the workers to the last band.
        notices: tuple of str. Lines about the raster, such as one about values on another scale than the training
            images.
    """

    path: pathlib.Path
    size: tuple[int, int]
    bands: int
    kept: int
    seconds: float
    notices: tuple[str, ...]


def predict_raster_with_ray(
    run: PathLike,
    image: PathLike,
    *,
    out: PathLike,
    workers: int | None = None,
    ray_address: str | None = None,
    tile: Size = (512, 512),
    overlap: float = 0.5,
    blend: str = "gaussian",
    batch_size: int = 4,
    margin: Size | str | None = None,
    output: str = "class_ids",
    dtype: Any = None,
    tta: Sequence[Any] | None = None,
    overwrite: bool = False,
    progress: _Report | None = None,
) -> PredictedRaster:
    """Predict one huge raster to one file, by workers of a Ray cluster that each hold the model.

    The raster is divided into bands of whole rows of the output's chunks, and each worker predicts one band after the
    other. The values are those of `inference.TiledPredictor` in one process, bit for bit on processors of one kind: a
    worker predicts all tiles that reach into its band, in the batches of one process, and adds them up in the same
    order. Tiles that reach into two bands are predicted twice: at an overlap of 0.5, one or two more rows of tiles per
    band.

    Until all bands are there, they lie in a Zarr store beside `out`, NAME.partial, and NAME.progress.json records which
    are finished: the same call continues an interrupted run, and so does one without `overwrite` where it was about to
    replace a prediction. A band whose worker dies is predicted again, three times at most. Predictions are not
    postprocessed.

    Args:
        run: path of a run folder, or of an exported file.
        image: path of a GeoTIFF, .vrt, .npy or .zarr raster, at the same place on every machine.
        out: path that ends in .tif, .zarr or .npy, or an `inference.GeoTIFF`, at the same place on every machine.
        workers: int >= 1, or None, as for `predict_with_ray`. Defaults to None.
        ray_address: str or None, as for `predict_with_ray`. Defaults to None.
        tile: int or (height, width), as for `inference.TiledPredictor`. Defaults to (512, 512).
        overlap: float in [0, 1), as for `inference.TiledPredictor`. Defaults to 0.5.
        blend: str, as for `inference.TiledPredictor`. Defaults to "gaussian".
        batch_size: int, as for `inference.TiledPredictor`. Defaults to 4.
        margin: as for `inference.TiledPredictor`. Defaults to None.
        output: "class_ids", "scores" or "probabilities". Defaults to "class_ids".
        dtype: str or np.dtype, as for `inference.TiledPredictor.predict`. Defaults to None.
        tta: None or a sequence of transforms, as for `inference.TestTimeAugmentation`. Defaults to None.
        overwrite: bool. Whether a prediction at `out` is replaced, and an interrupted run started again. Defaults to
            False.
        progress: function of (rows of pixels done, rows, million pixels per second), or None. Defaults to None.

    Returns:
        A `PredictedRaster`.

    Raises:
        InputError: an argument does not apply, the raster cannot be read or the prediction written, or `out` exists or
            was begun with another model or other settings.
        ImportError: Ray or Zarr is missing: `pip install "keras-seg[scale]"`.

    Examples:

    ```python
    done = ks.scale.predict_raster_with_ray("run", "scene.tif", out="ids.tif", overlap=0.25, workers=8)
    print(done.bands, done.kept)
    ```
    """
    if tta is not None:
        read_transforms(tta)
    _validation.boolean("overwrite", overwrite)
    _validation.one_of("output", output, ("class_ids", "scores", "probabilities"))
    tile = _validation.pair("tile", tile)
    cluster.check_installed()
    path, out = pathlib.Path(_absolute("image", image)), _placed(out)
    if pathlib.Path(out).exists() and not overwrite and not is_interrupted(pathlib.Path(out)):
        _validation.fail("out", "exists already", os.fspath(out), "Choose another path, or pass `overwrite=True`.")
    opened = open_model(run)
    source, seen = open_raster(opened, path)
    notices = PredictionNotices(opened.image_range)
    notices.add(path, seen)
    tiling = {
        "tile": tile, "overlap": overlap, "blend": blend, "batch_size": batch_size, "margin": margin, "output": output,
    }  # fmt: skip
    nodata = out.nodata if isinstance(out, GeoTIFF) else None
    facts = {**tiling, "dtype": dtype, "tta": tta, "nodata": nodata, "image": (str(path), *image_mark(source))}
    journal = BandJournal(journal_of(pathlib.Path(out)), MadeWith.of(opened, facts))
    if not overwrite:
        journal.load()
    model = OpenedModel(run=os.path.abspath(run), postprocessing=True, tta=tta)
    job = RasterJob(model=model, image=str(path), out=out, tiling=tiling, dtype=dtype)
    done = _BandRun(job, source, journal, workers=workers, ray_address=ray_address, progress=progress)
    done.predict()
    done.join()
    return PredictedRaster(
        path=pathlib.Path(out),
        size=source.shape[:2],
        bands=len(journal.bands),
        kept=done.kept,
        seconds=done.seconds,
        notices=(*notices.lines(1), *done.notices),
    )


class _BandRun:
    """The bands of a raster, handed out and joined."""

    def __init__(
        self,
        job: RasterJob,
        source: RasterSource,
        journal: BandJournal,
        *,
        workers: int | None,
        ray_address: str | None,
        progress: _Report | None,
    ) -> None:
        self.kept = len(journal.bands) - len(journal.waiting)
        self.seconds, self.notices = 0.0, ()
        self._job, self._source, self._journal = job, source, journal
        self._place, self._progress = (workers, ray_address), progress

    def predict(self) -> None:
        """Predict the bands that are not finished."""
        journal = self._journal
        if journal.layout is not None and not journal.waiting:
            return
        started = time.perf_counter()
        with cluster.started(*self._place) as room:
            if journal.layout is None:
                self._begin(room)
            rows = sum(stop - top for top, stop in journal.waiting)
            before = self._source.shape[0] - rows
            done = 0
            for band in each_result(self._job, journal.waiting, workers=room, held=1):
                journal.finish(band)
                done += band[1] - band[0]
                self.seconds = time.perf_counter() - started
                if self._progress is not None:
                    speed = done * self._source.shape[1] / 1e6 / max(self.seconds, 1e-3)
                    self._progress(before + done, self._source.shape[0], speed)
        if journal.waiting:
            raise InputError(
                f"{len(journal.waiting)} of {len(journal.bands)} bands were not reported. Run again: what is finished "
                "is kept."
            )

    def _begin(self, room: cluster.Workers) -> None:
        """Make an output without rows. A worker tells its layout: this process may have no GPU memory to spare."""
        (described,) = each_result(self._job, [DESCRIBE], workers=room._replace(count=1))
        layout, self.notices = described
        target = path_target(self._job.out, layout, source=self._source, shared=True)
        height = self._source.shape[0]
        tile = self._job.tiling["tile"][0]
        bands = raster_bands(height, tile=tile, workers=room.count, rows=chunk_rows(height))
        self._journal.remove()
        target.start()
        self._journal.begin(layout, bands)

    def join(self) -> None:
        """Put the complete prediction in its place."""
        layout = self._journal.layout
        if layout is None:
            raise InputError("No band was predicted. Run again.")
        target = path_target(self._job.out, layout, source=self._source, shared=True)
        if not target.partial.is_dir():
            raise InputError(f"{target.partial}: is gone, so the run cannot go on. Start again: `overwrite=True`.")
        sweep(target.partial)
        file = target.finish()
        getattr(file, "close", lambda: None)()
        self._journal.remove()


def _absolute(name: str, path: Any) -> str:
    """A path that workers on this machine, and on others with the same disk, find too."""
    if not isinstance(path, (str, os.PathLike)):
        _validation.fail(name, "must be a path, which all workers can open", type(path).__name__, "Save it to a file.")
    if is_remote(os.fspath(path)):
        _validation.fail(name, "must be a path on a disk that all workers see", os.fspath(path), "Copy it to one.")
    return os.path.abspath(path)


def _placed(out: Any) -> Any:
    """An output with its absolute path."""
    path = _absolute("out", out)
    if not isinstance(out, GeoTIFF):
        return path
    placed = copy.copy(out)
    placed.path = pathlib.Path(path)
    return placed
