"""Prediction of image files into files."""

import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_seg import _files
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.pairs import EXTENSIONS
from keras_seg.data.index.reading import read_image
from keras_seg.inference import TiledPredictor
from keras_seg.training.tasks.task import predict_one
from keras_seg.training.trained_run import TrainedRun

# Images that are read row by row, because they may be larger than memory.
RASTERS = (".npy", ".zarr")
_RASTER_TILE = (512, 512)
_OVERLAP = 0.5

# Called with (file, done, total): files for images, rows of tiles for a raster.
FileReport = Callable[[pathlib.Path, int, int | None], None]


class PredictionFile(NamedTuple):
    """An image file and where its predictions go: `overlay` is None for rasters."""

    image: pathlib.Path
    mask: pathlib.Path
    overlay: pathlib.Path | None


def find_images(paths: Iterable[PathLike]) -> list[pathlib.Path]:
    """The image files that are named, or that lie in the folders that are named."""
    files: list[pathlib.Path] = []
    for path in map(pathlib.Path, paths):
        if path.suffix in RASTERS and path.exists():
            files.append(path)
        elif path.is_dir():
            found = sorted(f for f in path.iterdir() if f.suffix.lower() in EXTENSIONS and not f.name.startswith("."))
            if not found:
                raise InputError(f"{path}: holds no images ({', '.join(EXTENSIONS)}).")
            files += found
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"{path}: no such file or folder.")
    return files


def prediction_files(
    images: Sequence[pathlib.Path], out: PathLike, *, overwrite: bool = False, resume: bool = False
) -> list[PredictionFile]:
    """Where the predictions of images go: masks/NAME and overlays/NAME below `out`, one mask for each raster.

    Raises:
        InputError: a file would be overwritten or written twice. With `resume`, masks of rasters may exist.
    """
    out = pathlib.Path(out)
    files, seen = [], {}
    for image in images:
        if image.stem in seen:
            raise InputError(
                f"{image}: would be written to the same place as {seen[image.stem]}. Predict them separately."
            )
        seen[image.stem] = image
        raster = image.suffix in RASTERS
        mask = out / "masks" / (image.name if raster else f"{image.stem}.png")
        overlay = None if raster else out / "overlays" / f"{image.stem}.png"
        for target in (mask, overlay):
            if target is None:
                continue
            if target.exists() and not overwrite and not (resume and raster):
                raise InputError(f"{target}: exists already. Choose another folder, or add `overwrite=True`.")
            if target.resolve() == image.resolve():
                raise InputError(f"{image}: would be overwritten by its own prediction. Choose another folder.")
        files.append(PredictionFile(image, mask, overlay))
    return files


def predict_files(
    run: TrainedRun,
    model: keras.Model,
    files: Sequence[PredictionFile],
    *,
    tile: tuple[int, int] | None = None,
    overlap: float | None = None,
    overwrite: bool = False,
    resume: bool = False,
    progress: FileReport | None = None,
) -> None:
    """Predict files one by one, and write a mask and an overlay for each image and a mask of class ids for each raster.

    Args:
        run: `TrainedRun`.
        model: keras.Model of the run, or one derived from it.
        files: sequence of `PredictionFile`.
        tile: pair of ints (height, width). Size of the tiles to predict in. Defaults to None: images are predicted
            whole, and rasters in tiles of 512x512.
        overlap: float in [0, 1). Share of a tile that its neighbors cover too. Defaults to None: 0.5.
        overwrite: bool. Whether to replace the masks of rasters. Defaults to False.
        resume: bool. Whether to keep the rasters that are predicted and continue an interrupted one. Defaults to False.
        progress: callable (file, done, total), or None. Defaults to None.

    Raises:
        InputError: an argument does not apply to these files or to the run's task, or a file cannot be read.
    """
    images = [file for file in files if file.overlay is not None]
    rasters = [file for file in files if file.overlay is None]
    if rasters and not run.task.class_id_masks:
        raise InputError(
            f"{rasters[0].image}: rasters get masks of class ids, and {run.folder.path} was trained with "
            f"`task={run.task.name!r}`. Convert the raster to PNG or TIFF."
        )
    if overlap is not None and tile is None and not rasters:
        raise InputError("`overlap` applies to tiles only. Give `tile` too.")
    if resume and not rasters:
        raise InputError("`resume` applies to rasters only (.npy, .zarr). Drop `resume`.")
    overlap = _OVERLAP if overlap is None else overlap
    predict = None
    if images and tile is not None:
        predict = TiledPredictor(model, tile, overlap=overlap).predict
    for done, file in enumerate(images):
        _report(progress, file, done, len(images))
        image = read_image(file.image, channels=run.channels)
        scores = predict_one(model, image) if predict is None else predict(image)
        _write_pictures(run, file, image, np.asarray(scores))
        _report(progress, file, done + 1, len(images))
    if rasters:
        predictor = TiledPredictor(model, tile or _RASTER_TILE, overlap=overlap, output="class_ids")
        for file in rasters:
            if resume and not overwrite and file.mask.exists():
                continue
            report = None if progress is None else _of_file(progress, file)
            predictor.predict(file.image, file.mask, progress=report, overwrite=overwrite, resume=resume)


def _write_pictures(run: TrainedRun, file: PredictionFile, image: np.ndarray, scores: np.ndarray) -> None:
    pictures = run.task.draw(scores, image, settings=run.decoding, names=run.labels["names"])
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
