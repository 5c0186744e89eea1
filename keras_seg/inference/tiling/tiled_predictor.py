"""Predicting images of any size with tiles of one size."""

import numbers
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._types import Progress
from keras_seg.inference.output_kind import class_ids, output_kind
from keras_seg.inference.tiling.blend_weights import blend_weights
from keras_seg.inference.tiling.blended_strip import BlendedStrip
from keras_seg.inference.tiling.progress import check_progress, progress_report
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.raster_target import ArrayTarget, PathTarget, left_over, raster_target
from keras_seg.inference.tiling.run_journal import FinishedRows, RunJournal, image_mark, model_mark
from keras_seg.inference.tiling.tile_geometry import reach, tile_geometry
from keras_seg.inference.tiling.tile_grid import TileAxis, tile_axis
from keras_seg.inference.tiling.tile_stream import tile_scores


class TiledPredictor:
    """Predicts an image tile by tile and joins the tiles, so that memory grows with a row of tiles and not with the
    image.

    Tiles are evenly spaced and overlap: the first begins at the image's first pixel and the last ends at its end. Where
    the image is smaller than a tile, ends between two steps of the model's stride, or where a model of valid
    convolutions looks beyond it, it is mirrored, as often as it takes. The score of a pixel is the weighted mean of the
    tiles that see it, with weights that sum to one everywhere.

    Tiles start at multiples of the model's stride, the grid that its poolings lay over the image. That is why models of
    valid convolutions give exactly what they give for the whole image, mirrored at its borders, and other models do too
    with `blend="crop", margin="receptive_field"`.

    Args:
        model: `keras.Model` from `(batch, height, width, channels)` to a score for each class and pixel, of the same
            size or smaller by the same number of pixels on each side. A `TestTimeAugmentation` is one too.
        tile: int or pair of ints (height, width), pixels of the model's input. Multiples of the model's stride; the
            sizes that fit are named otherwise. Defaults to (512, 512).
        overlap: float in [0, 1), the share of a tile's output that neighbors have in common, at least. Defaults to
            0.5.
        blend: `"gaussian"`, a tile counts most in its middle; `"constant"`, the mean of the tiles; or `"crop"`, each
            pixel from the tile in whose middle it lies. Defaults to `"gaussian"`.
        batch_size: int, tiles predicted together. Every batch has this size, so that the model is traced once. Defaults
            to 4.
        margin: None; a number of pixels, or a pair (rows, columns), at a tile's border that are not used where another
            tile has them, which raises the overlap where needed; or `"receptive_field"`, as many as depend on what lies
            outside of the tile. With `blend="crop"` only. Defaults to None.
        stride: None to find the model's stride in its graph; or pixels, one int or a pair, for models without a graph.
            Defaults to None.
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
        model,
        tile=(512, 512),
        *,
        overlap=0.5,
        blend="gaussian",
        batch_size=4,
        margin=None,
        stride=None,
        output="scores",
    ):
        if isinstance(overlap, bool) or not isinstance(overlap, numbers.Real) or not 0 <= overlap < 1:
            fix = "It is the share of a tile that its neighbor sees too, such as 0.5."
            _validation.fail("overlap", "must be at least 0 and below 1", overlap, fix)
        self.overlap = float(overlap)
        self.blend = _validation.one_of("blend", blend, ("gaussian", "constant", "crop"))
        self.batch_size = _validation.integer("batch_size", batch_size)
        self.output = _validation.one_of("output", output, ("scores", "probabilities", "class_ids"))
        if margin is not None and blend != "crop":
            _validation.fail("margin", "must be None unless tiles are cropped", margin, "Pass blend='crop'.")
        self.geometry = tile_geometry(model, tile, stride)
        self._kind = output_kind(model)
        if output == "probabilities" and self._kind == "logits":
            fix = 'Pass output="scores", or end the model in keras.layers.Activation("softmax").'
            _validation.fail("output", "needs a model that gives probabilities, and this one gives logits", output, fix)
        self.model = model
        self.tile, self.stride = self.geometry.tile, self.geometry.stride
        self.margin = (0, 0) if margin is None else margin
        if margin == "receptive_field":
            self.margin = reach(model, self.geometry)
        elif isinstance(margin, str):
            _validation.fail("margin", "must be None, pixels or 'receptive_field'", margin)
        self.margin = _validation.pair("margin", self.margin, minimum=0)
        self.grid((1, 1))  # Fails where the overlap or the margin leaves nothing of a tile.

    def grid(self, size):
        """The tiles of an image.

        Args:
            size: (height, width) of the image.

        Returns:
            Two `TileAxis`, down and across, whose `starts` are the first pixels of the tiles' outputs.
        """
        sides = zip(
            ("height", "width"),
            size,
            self.geometry.output,
            self.geometry.border,
            self.geometry.stride,
            self.margin,
            strict=True,
        )
        return tuple(
            tile_axis(name, length, tile, border=border, stride=stride, overlap=self.overlap, margin=margin)
            for name, length, tile, border, stride, margin in sides
        )

    def predict(self, image, out=None, *, dtype=None, progress=False, overwrite=False, resume=False, shape=None):
        """Predict an image of any size.

        A prediction that goes to a path is written beside it, under the name with ".partial", and gets its own name
        when it is whole. What is finished is noted after each row of tiles in NAME.progress.json, so that a run that
        was interrupted goes on with `resume=True`, in another process too, with the next row. A `np.memmap` given as
        `out` is written in place, with the same note beside its file until it is whole.

        Args:
            image: NumPy array (height, width, channels), what the model takes: 0..255 for models with preprocessing; a
                `np.memmap`; a path of a .npy file or a .zarr store; a Zarr array, or another with `shape`, `dtype` and
                slices; or `reader(y0, y1, x0, x1)`, a function that returns rows y0 to y1 and columns x0 to x1, ends
                not included.
            out: None for a new array; a NumPy array, `np.memmap` or Zarr array to write to; or a path that ends in .npy
                or .zarr. Defaults to None.
            dtype: of the prediction, a float for scores and an integer that holds the ids for class ids.
                Defaults to None: float32, or the smallest of uint8 and uint16 that holds the ids.
            progress: True draws a progress bar; or a function of (tiles done, tiles altogether). Defaults to False.
            overwrite: bool, whether a result or an interrupted run at `out` may be replaced. Defaults to False.
            resume: bool, go on with an interrupted run at `out`, or start where there is none. The model, the settings
                and the image's shape must be the same; the image itself is not compared. Defaults to False.
            shape: (height, width, channels) of a reader. Defaults to None: its attribute `shape`.

        Returns:
            The prediction, (height, width, classes) or, for class ids, (height, width): a new array, `out` itself, or
            what lies at the path, opened for reading (a `np.memmap` or a Zarr array).

        Raises:
            InputError: if the image, the output or an option is not as above, something is there that would be
                overwritten, or the model's scores are not finite.
        """
        _validation.boolean("overwrite", overwrite)
        _validation.boolean("resume", resume)
        check_progress(progress)
        source = RasterSource(image, shape, self.geometry.channels)
        settings = {"dtype": dtype, "progress": progress, "overwrite": overwrite, "resume": resume}
        return self._predict(source, out, output=self.output, **settings)

    def _predict(
        self, source, out=None, *, output, dtype=None, progress: Progress = None, overwrite=False, resume=False
    ):
        """`predict` for a `RasterSource`, with any `output`."""
        classes, size = self.geometry.classes, source.shape[:2]
        dtype = _output_dtype(dtype, output, classes)
        target = raster_target(out, size if output == "class_ids" else (*size, classes), dtype, source)
        rows, columns = self.grid(size)
        settings = self._settings(source, output, dtype) if target.journal else {}
        journal = RunJournal(target.journal, settings)
        done = _begin(target, journal, out, overwrite=overwrite, resume=resume)
        across, written = len(columns.starts), done.tile_rows > 0
        with progress_report(progress, done.tile_rows * across, len(rows.starts) * across) as report:
            try:
                for top, part in self._finished(source, rows, columns, done=done, journal=journal, report=report):
                    written = True
                    target.write(top, class_ids(part, self._kind) if output == "class_ids" else part)
            except BaseException:
                if not written:
                    target.abandon()
                    journal.remove()
                raise
        result = target.finish()
        journal.remove()
        return result

    def _finished(
        self,
        source: RasterSource,
        rows: TileAxis,
        columns: TileAxis,
        *,
        done: FinishedRows,
        journal: RunJournal,
        report: Callable[[int], None],
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Predict the tile rows that are not done: (first row, blended scores) of the pixels that each one finishes.

        What was yielded must be written before the next one is asked for, as it is then noted in the journal.
        """
        first_row = done.tile_rows
        down, across = blend_weights(rows, self.blend), blend_weights(columns, self.blend)
        strip = BlendedStrip(rows.tile, columns.covered, self.geometry.classes)
        if first_row < len(rows.starts):
            strip.top = rows.starts[first_row]
        if done.sums is not None:
            strip.rows[: len(done.sums)] = done.sums
        tiles = tile_scores(self.model, source, rows, columns=columns, batch_size=self.batch_size, first_row=first_row)
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

    def _settings(self, source: RasterSource, output: str, dtype: np.dtype) -> dict[str, Any]:
        """What a run that goes on must have in common with the one before."""
        return {
            "model": model_mark(self.model),
            "image": image_mark(source),
            "tile": self.tile,
            "overlap": self.overlap,
            "blend": self.blend,
            "margin": self.margin,
            "stride": self.stride,
            "output": "class_ids" if output == "class_ids" else "scores",
            "dtype": dtype.name,
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
            fix = "Pass a path or a np.memmap as `out`."
            _validation.fail("resume", "must be False for an output that is not found again", resume, fix)
        done = journal.load()
        if done.tile_rows:
            target.go_on()
            return done
    journal.remove()
    target.start()
    done = FinishedRows()
    journal.record(done)
    return done


def _output_dtype(dtype: Any, output: str, classes: int) -> np.dtype:
    highest = max(classes - 1, 1)
    if dtype is None:
        dtype = np.min_scalar_type(highest) if output == "class_ids" else "float32"
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        _validation.fail("dtype", "must be the name of a NumPy dtype", dtype, "For example 'float32' or 'uint8'.")
    if output != "class_ids" and dtype.kind != "f":
        _validation.fail("dtype", f"must be a float for {output}", dtype.name, "Or pass output='class_ids'.")
    if output == "class_ids" and (dtype.kind not in "ui" or np.iinfo(dtype).max < highest):
        fix = f"For example {np.min_scalar_type(highest).name!r}."
        _validation.fail("dtype", f"must be an integer that holds class ids up to {highest}", dtype.name, fix)
    return dtype
