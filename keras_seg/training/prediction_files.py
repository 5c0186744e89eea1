"""Prediction of image files into files."""

import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras

from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.inference.tiling.raster_source import ScaleWarning
from keras_seg.training.file_predictor import FilePredictor, NotPredictedError
from keras_seg.training.prediction_file import PredictionFile, prediction_file
from keras_seg.training.prediction_inputs import FoundImages
from keras_seg.training.prediction_notices import PredictionNotices
from keras_seg.training.usable_model import UsableModel

# Called with (file, done, total): files for images, rows of tiles for a raster.
FileReport = Callable[[pathlib.Path, int, int | None], None]


class Failure(NamedTuple):
    """A file that could not be predicted, and why."""

    image: pathlib.Path
    reason: str


def check_target(target: pathlib.Path, *, overwrite: bool, resume: bool) -> None:
    """Fail where a prediction would replace another one."""
    if target.exists() and not overwrite and not resume:
        raise InputError(
            f"{target}: exists already. Choose another folder, keep finished predictions with `resume=True`, "
            "or replace them with `overwrite=True`."
        )


def same_place(source: object, other: object) -> InputError:
    """The error for two files whose predictions would have one name."""
    return InputError(f"{source}: would be written to the same place as {other}. Predict them separately.")


def inside_masks(source: object, other: object) -> InputError:
    """The error for a file whose predictions would lie in the folder of the masks of another one."""
    return InputError(
        f"{source}: its masks would be written into the folder of those of {other}. Predict them to separate folders."
    )


def prediction_files(
    found: FoundImages, out: PathLike, *, overwrite: bool = False, resume: bool = False, folders: bool = False,
    maps: bool = True,
) -> list[PredictionFile]:  # fmt: skip
    """Where the predictions of images go: masks/NAME and overlays/NAME below `out`, one mask for each raster.

    With `folders`, the masks of an image are a folder, as for a task whose classes overlap. With `maps`, for tasks
    whose masks hold class ids, the mask of a georeferenced TIFF is one too, if rasterio is there to write it.

    Raises:
        InputError: a file would be overwritten or written twice, or the masks of an image lie in the folder of those of
            another one. With `resume`, predictions may exist.
    """
    out = pathlib.Path(out)
    files, seen = [], {}
    for image, folder in found.files:
        place = folder / image.stem
        if place in seen:
            raise same_place(image, seen[place])
        seen[place] = image
        file = prediction_file(image, folder, out, folders=folders, maps=maps)
        for target in file.targets:
            check_target(target, overwrite=overwrite, resume=resume)
        files.append(file)
    for place, image in seen.items() if folders else ():
        for above in place.parents:
            if above in seen:
                raise inside_masks(image, seen[above])
    return files


def predict_files(
    run: UsableModel,
    model: keras.Model,
    files: Sequence[PredictionFile],
    *,
    tile: tuple[int, int] | None = None,
    overlap: float | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: FileReport | None = None,
    notice: Callable[[str], None] | None = None,
) -> list[Failure]:
    """Predict files one by one, and write a mask and an overlay for each image and a mask of class ids for each raster.

    A file that cannot be read or predicted does not stop the others.

    Args:
        run: `UsableModel`.
        model: its keras.Model, or one derived from it.
        files: sequence of `PredictionFile`.
        tile: pair of ints (height, width). Size of the tiles to predict in. Defaults to None: images are predicted
            whole, and rasters in tiles of 512x512.
        overlap: float in [0, 1). Share of a tile that its neighbors cover too. Defaults to None: 0.5.
        overwrite: bool. Whether to replace predictions that are there. Defaults to False: where only one of a mask and
            its overlay is there, it is kept, and the other is written.
        resume: bool. Whether to keep what is predicted and continue an interrupted raster. Defaults to False.
        progress: callable (file, done, total), or None. Defaults to None.
        notice: callable of a line about files whose values are on another scale than the training images, that are
            transparent, or that cannot be postprocessed. Defaults to None, for a warning.

    Returns:
        List of `Failure`, the files that could not be predicted.

    Raises:
        InputError: an argument does not apply to these files or to the run's task, or the only file cannot be read.
    """
    images = [file for file in files if file.overlay is not None]
    rasters = [file for file in files if file.overlay is None]
    if overlap is not None and tile is None and not rasters:
        raise InputError("`overlap` applies to tiles only. Give `tile` too.")
    predictor = FilePredictor(run, model, tile=tile, overlap=overlap, overwrite=overwrite, resume=resume)
    if rasters:
        predictor.check_raster(rasters[0].image)
    keep = resume and not overwrite
    failures: list[Failure] = []
    notices = PredictionNotices(run.image_range)

    def predict(file: PredictionFile) -> None:
        if keep and file.finished:
            return
        report = None if progress is None else _of_file(progress, file)
        try:
            notices.add(file.image, predictor.predict(file, progress=report))
        except NotPredictedError as error:
            if len(files) == 1:
                raise
            failures.append(Failure(file.image, str(error)))

    for done, file in enumerate(images):
        _report(progress, file, done, len(images))
        predict(file)
        _report(progress, file, done + 1, len(images))
    for file in rasters:
        predict(file)
    for line in notices.lines(len(files)):
        (notice or _warn)(line)
    return failures


def _warn(line: str) -> None:
    warnings.warn(line, ScaleWarning, stacklevel=3)


def _report(progress: FileReport | None, file: PredictionFile, done: int, total: int) -> None:
    if progress is not None:
        progress(file.image, done, total)


def _of_file(progress: FileReport, file: PredictionFile) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(file.image, done, total)
