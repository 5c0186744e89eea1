"""Predicting images of any size with tiles of one size."""

import numbers
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._progress import check_progress, progress_report
from keras_seg._types import ArrayLike, PathLike, Progress, Size
from keras_seg.inference.output_kind import output_kind
from keras_seg.inference.tiling.raster_layout import RasterLayout, raster_layout
from keras_seg.inference.tiling.raster_prediction import RasterPrediction
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.raster_target import left_over, raster_target
from keras_seg.inference.tiling.remote_zarr import RemoteZarrTarget
from keras_seg.inference.tiling.run_journal import FinishedRows, RunJournal, image_mark, model_mark
from keras_seg.inference.tiling.tile_geometry import reach, tile_geometry
from keras_seg.inference.tiling.tile_grid import TileAxis, tile_axis
from keras_seg.inference.tiling.whole_chunks import whole_chunks
from keras_seg.inference.tiling.written_rows import ArrayTarget, PathTarget


class TiledPredictor:
    """Predicts an image tile by tile and blends the tiles, with one row of tiles in memory at a time.

    Tiles are evenly spaced and overlap: the first begins at the first pixel and the last ends at the last. The image is
    mirrored, as often as needed, where it is smaller than a tile, ends between two steps of the model's stride, or
    where valid convolutions need pixels beyond its border. The score of a pixel is the weighted mean of the tiles that
    cover it, with weights that sum to one everywhere.

    Tiles start at multiples of the model's stride, the grid of its poolings. Therefore the result of models of valid
    convolutions equals the prediction of the whole image, mirrored at its borders; that of other models does with
    `blend="crop", margin="receptive_field"`.

    Args:
        model: keras.Model with one output, from `(batch, height, width, channels)` to a score per class and pixel, of
            the same size or smaller by the same number of pixels on each side; also a `TestTimeAugmentation`.
        tile: int or (height, width). Pixels of the model's input, multiples of the model's stride; the error for others
            names the nearest sizes that fit. Defaults to (512, 512).
        overlap: float in [0, 1). The smallest share of a tile's output that it has in common with its neighbor.
            Defaults to 0.5.
        blend: str. `"gaussian"` weights a tile most in its center, `"constant"` takes the mean of the tiles, `"crop"`
            takes each pixel from the tile whose center is closest. Defaults to `"gaussian"`.
        batch_size: int. Tiles predicted together. Every batch has this size, so that the model is traced once. Defaults
            to 4.
        margin: None, int, (rows, columns) or `"receptive_field"`, with `blend="crop"` only. Pixels at a tile's border
            that are not used where another tile has them; raises the overlap if needed. `"receptive_field"` leaves out
            all that depend on pixels outside the tile. Defaults to None.
        stride: int or pair. The model's stride in pixels, for models without a graph. Defaults to None: read from the
            graph.
        output: `"scores"`, the model's scores blended; `"probabilities"`, the same for models that give no logits; or
            `"class_ids"`, the class with the highest score (a single channel: class 1 above a probability of 0.5 or a
            logit of 0). Defaults to `"scores"`.

    Raises:
        InputError: if an argument is not as above or does not suit the model.

    Examples:
        >>> import keras_seg as ks, numpy as np
        >>> model = ks.models.UNet(num_classes=3, filters=4, depth=2)
        >>> predictor = ks.inference.TiledPredictor(model, tile=(32, 32), overlap=0.25)
        >>> predictor.predict(np.zeros((70, 45, 3), "uint8")).shape
        (70, 45, 3)

    Reference: Ronneberger, Fischer and Brox, "U-Net", MICCAI 2015, section 2 and figure 2, "overlap-tile strategy".
    """

    def __init__(
        self,
        model: keras.Model,
        tile: Size = (512, 512),
        *,
        overlap: float = 0.5,
        blend: str = "gaussian",
        batch_size: int = 4,
        margin: Size | str | None = None,
        stride: Size | None = None,
        output: str = "scores",
    ) -> None:
        if isinstance(overlap, bool) or not isinstance(overlap, numbers.Real) or not 0 <= overlap < 1:
            fix = "It is the share of a tile that its neighbor covers too, such as 0.5."
            _validation.fail("overlap", "must be at least 0 and below 1", overlap, fix)
        self.overlap = float(overlap)
        self.blend = _validation.one_of("blend", blend, ("gaussian", "constant", "crop"))
        self.batch_size = _validation.integer("batch_size", batch_size)
        self.output = _validation.one_of("output", output, ("scores", "probabilities", "class_ids"))
        if margin is not None and blend != "crop":
            _validation.fail("margin", "must be None unless tiles are cropped", margin, "Pass blend='crop'.")
        self.geometry = tile_geometry(model, tile, stride)
        if output == "probabilities" and output_kind(model) == "logits":
            fix = 'Pass output="scores", or end the model in keras.layers.Activation("softmax").'
            _validation.fail("output", "needs a model that gives probabilities, and this one gives logits", output, fix)
        self.model = model
        self.tile, self.stride = self.geometry.tile, self.geometry.stride
        if margin is None:
            margin = (0, 0)
        elif margin == "receptive_field":
            margin = reach(model, self.geometry)
        elif isinstance(margin, str):
            _validation.fail("margin", "must be None, pixels or 'receptive_field'", margin)
        self.margin = _validation.pair("margin", margin, minimum=0)
        self.grid((1, 1))  # Refuses an overlap or a margin that leaves nothing of a tile.

    def grid(self, size: tuple[int, int]) -> tuple[TileAxis, TileAxis]:
        """The tiles of an image.

        Args:
            size: (height, width) of the image.

        Returns:
            Two `TileAxis`, down and across, whose `starts` are the first pixels of the tiles' outputs.
        """
        down, across = (
            tile_axis(
                name,
                size[axis],
                self.geometry.output[axis],
                border=self.geometry.border[axis],
                stride=self.geometry.stride[axis],
                overlap=self.overlap,
                margin=self.margin[axis],
            )
            for axis, name in enumerate(("height", "width"))
        )
        return down, across

    def predict(
        self,
        image: ArrayLike | PathLike,
        out: ArrayLike | PathLike | None = None,
        *,
        dtype: Any = None,
        progress: Progress = None,
        overwrite: bool = False,
        resume: bool = False,
        shape: tuple[int, int, int] | None = None,
    ) -> Any:
        """Predict an image of any size.

        A prediction to a path is written to NAME.partial and renamed when it is complete. After each row of tiles,
        NAME.progress.json records the finished rows, so that `resume=True` continues an interrupted run with the next
        row, also in another process. A `np.memmap` given as `out` is written in place, with the same record beside its
        file until it is complete.

        Pixels of a GeoTIFF that hold no data (nodata, a mask, transparent) are 0 to the model. Their id is the largest
        value of the dtype, such as 255, and their scores are NaN, whatever `out` is.

        Args:
            image: NumPy array (height, width, channels), in the range that the model takes: 0..255 for models with
                preprocessing; a `np.memmap`; a path of a .npy file or a .zarr store, whose values are read as in
                `keras_seg.data.read_image` (uint16 is scaled from 0..65535 to 0..255); a path of a GeoTIFF or .vrt
                file, whose values are read in the same way; a Zarr array, or another with `shape`, `dtype` and slices;
                the address of a .zarr store that fsspec opens, such as "s3://bucket/scene.zarr", read like a path; or
                a function `reader(y0, y1, x0, x1)` that returns rows y0 to y1 and columns x0 to x1, ends not
                included.
            out: None for a new array; a NumPy array, `np.memmap` or Zarr array to write to; a path that ends in .npy,
                .zarr or .tif; or a `GeoTIFF`, for class names, colors and overviews. A GeoTIFF has the CRS and the
                transform of the image. Or the address of a .zarr store, which is complete or absent, and cannot be
                resumed. Defaults to None.
            dtype: str or np.dtype of the prediction: a float for scores, an integer that holds all ids for class ids.
                Defaults to None: float32, or the smallest of uint8 and uint16 that holds the ids (a raster's ids take
                memory, so they are not int32 as those of `predict_classes`).
            progress: None, bool or function. True for a bar, or a function called with (tiles done, tiles in total).
                Defaults to None.
            overwrite: bool. Whether a result or an interrupted run at `out` may be replaced. Defaults to False.
            resume: bool. Whether to continue an interrupted run at `out`, if there is one; one that was about to
                replace a result replaces it in the end. The model, the settings and the image's shape must be the same;
                the image itself is not compared. Defaults to False.
            shape: (height, width, channels) of a reader. Defaults to None: its attribute `shape`.

        Returns:
            The prediction, (height, width, classes) or, for class ids, (height, width): a new array, `out` itself, or
            the file or store at the path, opened for reading (a `np.memmap` or a Zarr array).

        Raises:
            InputError: if the image, the output or an option is not as above, an existing file would be overwritten, or
                the model's scores are not finite.
            ImportError: rasterio is missing, which reads and writes GeoTIFF: `pip install "keras-seg[geo]"`.
        """
        _validation.boolean("overwrite", overwrite)
        _validation.boolean("resume", resume)
        check_progress(progress)
        if isinstance(image, RasterSource):  # Whoever opens one knows its scale.
            source = image
        else:
            source = RasterSource(image, shape, self.geometry.channels)
            source.check_scale(self.model)
        settings = {"dtype": dtype, "progress": progress, "overwrite": overwrite, "resume": resume}
        return self._predict(source, out, output=self.output, **settings)

    def _predict(
        self,
        source: RasterSource,
        out: Any = None,
        *,
        output: str,
        dtype: Any = None,
        progress: Progress = None,
        overwrite: bool = False,
        resume: bool = False,
    ) -> Any:
        """`predict` for a `RasterSource`, with any `output`."""
        layout = raster_layout(source, self.geometry.classes, output=output, dtype=dtype, out=out)
        prediction = RasterPrediction(self, source, layout)
        target = raster_target(out, layout, source=source)
        journal = RunJournal(target.journal, self._settings(source, layout) if target.journal else {})
        done = _begin(target, journal, out, overwrite=overwrite, resume=resume)
        across, written = len(prediction.columns.starts), done.tile_rows > 0
        with progress_report(
            progress, total=len(prediction.rows.starts) * across, unit="tiles", done=done.tile_rows * across
        ) as report:
            try:
                parts = prediction.remaining(done, journal=journal, report=report)
                if isinstance(target, RemoteZarrTarget):
                    parts = whole_chunks(parts, target.chunk_rows)
                for top, values in parts:
                    written = True
                    target.write(top, values)
            except BaseException:
                if not written:
                    target.abandon()
                    journal.remove()
                raise
        result = target.finish()
        journal.remove()
        return result

    def _settings(self, source: RasterSource, layout: RasterLayout) -> dict[str, Any]:
        """The settings that must be the same in the run that continues this one."""
        return {
            "model": model_mark(self.model),
            "image": image_mark(source),
            "tile": self.tile,
            "overlap": self.overlap,
            "blend": self.blend,
            "margin": self.margin,
            "stride": self.stride,
            "output": "class_ids" if layout.holds_ids else "scores",
            "dtype": layout.dtype.name,
            "nodata": layout.nodata,
        }


def _begin(
    target: ArrayTarget | PathTarget, journal: RunJournal, out: Any, *, overwrite: bool, resume: bool
) -> FinishedRows:
    """The tile rows of an earlier run, with the target ready to be written to."""
    there = left_over(target, out)
    if there is not None and not overwrite and not (resume and there == target.journal):
        if there == target.journal:
            fix = "Pass resume=True to go on with it, or overwrite=True to start again."
            raise _validation.InputError(f"{there}: belongs to a run that was interrupted. {fix}")
        _validation.fail("out", "exists already", str(there), "Choose another path, or pass overwrite=True.")
    if resume:
        if target.journal is None:
            fix = "Pass a path on a disk of this machine, or a np.memmap, as `out`."
            _validation.fail("resume", "must be False for an output that has no file", resume, fix)
        done = journal.load()
        if done.tile_rows:
            target.go_on()
            return done
    journal.remove()
    target.start()
    done = FinishedRows()
    journal.record(done)
    return done
