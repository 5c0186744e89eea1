"""Prediction of one file into files: what a single process and each of many workers do."""

import functools
import pathlib
from collections.abc import Callable

import keras
import numpy as np

from keras_seg import _files
from keras_seg._decoding.value_range import range_of
from keras_seg._types import PathLike
from keras_seg._validation import InputError, printable
from keras_seg.data.index.image_facts import ImageFacts
from keras_seg.data.index.reading import read_stored_image
from keras_seg.inference import TiledPredictor
from keras_seg.inference.output_kind import output_kind
from keras_seg.training.out_of_memory import memory_named, one_image
from keras_seg.training.prediction_file import PredictionFile
from keras_seg.training.prediction_inputs import lost_place
from keras_seg.training.prediction_notices import Seen, check_scale
from keras_seg.training.raster_file import check_raster, check_scores, open_raster, raster_out
from keras_seg.training.tasks.task import Decoding, predict_one
from keras_seg.training.usable_model import UsableModel

_RASTER_TILE = (512, 512)
_OVERLAP = 0.5


class NotPredictedError(InputError):
    """A file that cannot be read or predicted. Others may be."""


class FilePredictor:
    """Predicts files one by one: a mask and an overlay for each image, a mask of class ids for each raster.

    Args:
        run: `UsableModel`.
        model: its keras.Model, or one derived from it.
        tile: pair of ints (height, width), or None, as for `predict_files`.
        overlap: float or None, as for `predict_files`.
        overwrite: bool. Whether to replace predictions that are there. Defaults to False.
        resume: bool. Whether to continue an interrupted raster. Defaults to False.

    Raises:
        InputError: the tile or the overlap does not suit the model, or it gives no scores to blend tiles from.
    """

    def __init__(
        self,
        run: UsableModel,
        model: keras.Model,
        *,
        tile: tuple[int, int] | None,
        overlap: float | None,
        overwrite: bool = False,
        resume: bool = False,
    ) -> None:
        self._run, self._model = run, model
        self._tile, self._overlap = tile, overlap
        self._overwrite, self._resume = overwrite, resume
        # Made now, because a tile that does not suit the model is no fault of the first file.
        self._scores_of = predictor_of(run, model, tile=tile, overlap=None if tile is None else overlap)

    def check_raster(self, image: pathlib.Path) -> None:
        """Fail if no raster can be predicted with this model.

        Raises:
            InputError: its task has masks of another kind, or it gives no scores.
        """
        check_raster(self._run, self._model, image)

    def predict(self, file: PredictionFile, *, progress: Callable[[int, int | None], None] | None = None) -> Seen:
        """Predict a file, and write what belongs to it and is not there yet; all of it with `overwrite`.

        Args:
            file: `PredictionFile`.
            progress: function of (rows of tiles done, rows) for rasters, or None. Defaults to None.

        Returns:
            What was seen of the file, for `PredictionNotices`.

        Raises:
            NotPredictedError: the file cannot be read or predicted.
            InputError: its predictions cannot be written.
        """
        return self._predict_raster(file, progress) if file.overlay is None else self._predict_image(file)

    def _predict_image(self, file: PredictionFile) -> Seen:
        run = self._run
        try:
            stored = read_stored_image(file.image, channels=run.channels)
            image = stored.turned(run.exif_orientation)
            values = range_of(image)
            check_scale(file.image, values, run.image_range)
            with memory_named(one_image(file.image, image.shape[:2], tile=self._tile)):
                scores = np.asarray(self._scores_of(image))
        except InputError as error:
            raise NotPredictedError(named(file.image, error)) from error
        self._write_pictures(file, image, scores)
        transparent = None
        if stored.opacity < 1:
            dtype = stored.values.dtype.name
            transparent = ImageFacts(path=file.image, file=stored.file, dtype=dtype, opacity=stored.opacity)
        return Seen(values, transparent=transparent, lost_place=lost_place(file.image, maps=run.task.class_id_masks))

    def _write_pictures(self, file: PredictionFile, image: np.ndarray, scores: np.ndarray) -> None:
        decoding = Decoding(self._run.decoding, self._run.labels["names"], self._kind)
        pictures = self._run.task.draw(scores, image, decoding)
        for target, picture in zip(file.targets, pictures, strict=True):
            # A mask without its overlay may be corrected by hand, or the ground truth.
            if self._overwrite or not target.exists():
                with _files.written_aside(target, overwrite=self._overwrite) as aside:
                    picture.save(aside)

    @functools.cached_property
    def _kind(self) -> str:
        return output_kind(self._model)

    @functools.cached_property
    def _raster_predictor(self) -> TiledPredictor:
        overlap = _or_half(self._overlap)
        return TiledPredictor(self._model, self._tile or _RASTER_TILE, overlap=overlap, output="class_ids")

    def _predict_raster(self, file: PredictionFile, progress: Callable[[int, int | None], None] | None) -> Seen:
        run = self._run
        self.check_raster(file.image)
        try:
            source, seen = open_raster(run, file.image)
            # A run knows the scale that it was trained on.
            image = source if run.image_range else file.image
            tile = self._tile or _RASTER_TILE
            with memory_named(one_image(file.image, tile, tile=tile)):
                self._raster_predictor.predict(
                    image, raster_out(run, file), progress=progress, overwrite=self._overwrite, resume=self._resume
                )
        except InputError as error:
            raise NotPredictedError(named(file.image, error)) from error
        return seen


def named(source: PathLike, error: InputError) -> str:
    """What an error says, with the name of the file that was predicted, which the model does not know."""
    text = str(error)
    return text if printable(str(source)) in text else f"{source}: {text}"


def predictor_of(
    run: UsableModel, model: keras.Model, *, tile: tuple[int, int] | None, overlap: float | None
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from an image to the scores of a model, which predicts it whole or in tiles.

    Raises:
        InputError: `overlap` is given without a tile, or the model gives no scores to blend.
    """
    check_overlap(tile, overlap)
    if tile is None:
        return functools.partial(predict_one, model)
    check_scores(run, model)
    return TiledPredictor(model, tile, overlap=_or_half(overlap)).predict


def check_overlap(tile: tuple[int, int] | None, overlap: float | None) -> None:
    """Fail for an overlap of tiles without tiles."""
    if tile is None and overlap is not None:
        raise InputError("`overlap` applies to tiles only. Give `tile` too.")


def _or_half(overlap: float | None) -> float:
    return _OVERLAP if overlap is None else overlap
