"""Prediction of image files into files."""

import functools
import pathlib
import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_seg import _files
from keras_seg._decoding.geo_raster import has_rasterio
from keras_seg._decoding.value_range import ValueRange, contradicts, difference, range_of, scale_of
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.image_facts import ImageFacts, transparency_notices
from keras_seg.data.index.reading import read_stored_image
from keras_seg.inference import GeoTIFF, TiledPredictor
from keras_seg.inference.output_kind import output_kind
from keras_seg.inference.tiling.raster_source import RasterSource, ScaleWarning
from keras_seg.training.prediction_inputs import FoundImages, is_map, is_raster, loses_its_place
from keras_seg.training.range_notice import ADVICE
from keras_seg.training.tasks.task import Decoding, predict_one
from keras_seg.training.usable_model import UsableModel

_RASTER_TILE = (512, 512)
_OVERLAP = 0.5

# Called with (file, done, total): files for images, rows of tiles for a raster.
FileReport = Callable[[pathlib.Path, int, int | None], None]


class PredictionFile(NamedTuple):
    """An image file and where its predictions go: `overlay` is None for rasters, `mask` may be a folder.

    Georeferenced TIFFs are rasters too.
    """

    image: pathlib.Path
    mask: pathlib.Path
    overlay: pathlib.Path | None


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


def prediction_files(
    found: FoundImages, out: PathLike, *, overwrite: bool = False, resume: bool = False, folders: bool = False,
    maps: bool = True,
) -> list[PredictionFile]:  # fmt: skip
    """Where the predictions of images go: masks/NAME and overlays/NAME below `out`, one mask for each raster.

    With `folders`, the masks of an image are a folder, as for a task whose classes overlap. With `maps`, for tasks
    whose masks hold class ids, the mask of a georeferenced TIFF is one too, if rasterio is there to write it.

    Raises:
        InputError: a file would be overwritten or written twice. With `resume`, predictions may exist.
    """
    out = pathlib.Path(out)
    files, seen = [], {}
    for image, folder in found.files:
        place = folder / image.stem
        if place in seen:
            raise same_place(image, seen[place])
        seen[place] = image
        on_map = maps and is_map(image) and (has_rasterio() or is_raster(image))
        raster = is_raster(image) or on_map
        ending = ".tif" if on_map else image.suffix if raster else "" if folders else ".png"
        name = f"{image.stem}{ending}"
        mask = out / "masks" / folder / name
        overlay = None if raster else out / "overlays" / folder / f"{image.stem}.png"
        for target in (mask, overlay):
            if target is None:
                continue
            check_target(target, overwrite=overwrite, resume=resume)
            if target.resolve() == image.resolve():
                raise InputError(f"{image}: would be overwritten by its own prediction. Choose another folder.")
        files.append(PredictionFile(image, mask, overlay))
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
        overwrite: bool. Whether to replace the masks of rasters. Defaults to False.
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
    if rasters and not run.task.class_id_masks:
        raise InputError(
            f"{rasters[0].image}: rasters get masks of class ids, and {run.path} was trained with "
            f"`task={run.task.name!r}`. Convert the raster to PNG or TIFF."
        )
    if overlap is not None and tile is None and not rasters:
        raise InputError("`overlap` applies to tiles only. Give `tile` too.")
    if rasters:
        _check_scores(run, model)
    keep = resume and not overwrite
    failures: list[Failure] = []
    if rasters and run.postprocessing:
        name = rasters[0].image.name
        (notice or warnings.warn)(f"{name} is predicted row by row, without the postprocessing of the run.")
    scales = Scales(run.image_range)
    transparent: list[ImageFacts] = []
    if images:
        predict = predictor_of(run, model, tile=tile, overlap=None if tile is None else overlap)
        kind = output_kind(model)
    for done, file in enumerate(images):
        _report(progress, file, done, len(images))
        if not (keep and file.mask.exists() and file.overlay is not None and file.overlay.exists()):
            try:
                stored = read_stored_image(file.image, channels=run.channels)
                image = stored.turned(run.exif_orientation)
                scales.look(file.image, range_of(image))
                if stored.opacity < 1:
                    dtype = stored.values.dtype.name
                    shown = ImageFacts(path=file.image, file=stored.file, dtype=dtype, opacity=stored.opacity)
                    transparent.append(shown)
                scores = predict(image)
            except InputError as error:
                if len(files) == 1:
                    raise
                failures.append(Failure(file.image, str(error)))
            else:
                _write_pictures(run, file, image, np.asarray(scores), kind=kind)
        _report(progress, file, done + 1, len(images))
    if rasters:
        predictor = TiledPredictor(model, tile or _RASTER_TILE, overlap=_or_half(overlap), output="class_ids")
        for file in rasters:
            if keep and file.mask.exists():
                continue
            report = None if progress is None else _of_file(progress, file)
            try:
                source = RasterSource(file.image, channels=run.channels)
                scales.look(file.image, source.value_range())
                # A run knows the scale that it was trained on.
                image = source if run.image_range else file.image
                predictor.predict(image, _raster_out(run, file), progress=report, overwrite=overwrite, resume=resume)
            except InputError as error:
                if len(files) == 1:
                    raise
                failures.append(Failure(file.image, str(error)))
    for line in (*scales.lines(len(files)), *transparency_notices(transparent), *_places_lost(run, images)):
        (notice or _warn)(line)
    return failures


def _raster_out(run: UsableModel, file: PredictionFile) -> pathlib.Path | GeoTIFF:
    """The target of a raster; a GeoTIFF has the names of the classes, and the ignored label where there is no data."""
    if not is_map(file.image):
        return file.mask
    names = run.labels["names"]
    unused = [label for label in run.ignore_class or () if len(names) <= label <= np.iinfo("uint8").max]
    return GeoTIFF(file.mask, class_names=names, nodata=unused[0] if unused else None)


def _places_lost(run: UsableModel, images: Sequence[PredictionFile]) -> list[str]:
    """A line about georeferenced TIFFs whose masks are plain pictures."""
    lost = [file.image.name for file in images if run.task.class_id_masks and loses_its_place(file.image)]
    if not lost:
        return []
    more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
    return [f'{lost[0]}{more}: georeferenced, and the mask is not. For a GeoTIFF: pip install "keras-seg[geo]".']


def predictor_of(
    run: UsableModel, model: keras.Model, *, tile: tuple[int, int] | None, overlap: float | None
) -> Callable[[np.ndarray], np.ndarray]:
    """A function from an image to the scores of a model, which predicts it whole or in tiles.

    Raises:
        InputError: `overlap` is given without a tile, or the model gives no scores to blend.
    """
    if tile is None:
        if overlap is not None:
            raise InputError("`overlap` applies to tiles only. Give `tile` too.")
        return functools.partial(predict_one, model)
    _check_scores(run, model)
    return TiledPredictor(model, tile, overlap=_or_half(overlap)).predict


def _or_half(overlap: float | None) -> float:
    return _OVERLAP if overlap is None else overlap


def _check_scores(run: UsableModel, model: keras.Model) -> None:
    """Fail for an exported file of class ids alone."""
    if not getattr(model, "gives_scores", True):
        raise InputError(
            f"{run.path}: outputs class ids alone, and tiles are blended from scores. Export it with `output='scores'`."
        )


class Scales:
    """The files whose values are on another scale than those of training."""

    def __init__(self, trained: ValueRange | None) -> None:
        self._trained = trained
        self._files: dict[str, list[tuple[pathlib.Path, str]]] = {}

    def look(self, path: pathlib.Path, found: ValueRange) -> None:
        text = difference(found, self._trained)
        if contradicts(found, self._trained):
            raise InputError(f"{path}: holds {text}. {ADVICE}")
        if text:
            self._files.setdefault(scale_of(found), []).append((path, text))

    def lines(self, total: int) -> list[str]:
        """One line for each other scale."""
        return [
            f"{files[0][0].name} holds {files[0][1]}{_alike(len(files), total)}. Its scale is not changed. {ADVICE}"
            for files in self._files.values()
        ]


def _alike(count: int, total: int) -> str:
    return f" ({count} of {total} files are like this)" if count > 1 else ""


def _warn(line: str) -> None:
    warnings.warn(line, ScaleWarning, stacklevel=3)


def _write_pictures(
    run: UsableModel, file: PredictionFile, image: np.ndarray, scores: np.ndarray, *, kind: str
) -> None:
    pictures = run.task.draw(scores, image, Decoding(run.decoding, run.labels["names"], kind))
    targets = [path for path in (file.mask, file.overlay) if path is not None]
    for target, picture in zip(targets, pictures, strict=True):
        if target is None:
            continue
        with _files.written_aside(target, overwrite=True) as aside:
            picture.save(aside)


def _report(progress: FileReport | None, file: PredictionFile, done: int, total: int) -> None:
    if progress is not None:
        progress(file.image, done, total)


def _of_file(progress: FileReport, file: PredictionFile) -> Callable[[int, int | None], None]:
    return lambda done, total: progress(file.image, done, total)
