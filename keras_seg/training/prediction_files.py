"""Prediction of image files into files."""

import collections
import pathlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import keras
import numpy as np

from keras_seg import _files
from keras_seg._decoding.value_range import ValueRange, contradicts, difference, range_of, scale_of
from keras_seg._text import counted
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.data.index.file_listing import EXTENSIONS, some_of, walk
from keras_seg.data.index.image_facts import ImageFacts, transparency_notices
from keras_seg.data.index.reading import read_stored_image
from keras_seg.inference import TiledPredictor
from keras_seg.inference.output_kind import output_kind
from keras_seg.inference.tiling.raster_source import RasterSource, ScaleWarning
from keras_seg.training.range_notice import ADVICE
from keras_seg.training.tasks.task import Decoding, predict_one
from keras_seg.training.trained_run import TrainedRun

# Images that are read row by row, because they may be larger than memory.
RASTERS = (".npy", ".zarr")
_RASTER_TILE = (512, 512)
_OVERLAP = 0.5

# Called with (file, done, total): files for images, rows of tiles for a raster.
FileReport = Callable[[pathlib.Path, int, int | None], None]


class PredictionFile(NamedTuple):
    """An image file and where its predictions go: `overlay` is None for rasters, `mask` may be a folder."""

    image: pathlib.Path
    mask: pathlib.Path
    overlay: pathlib.Path | None


class FoundImages(NamedTuple):
    """Image files to predict.

    Args:
        files: (file, folder): `folder` is the one below the folder that was named, "." for the files in that folder.
        notices: one line about the files of each folder that are not taken.
    """

    files: tuple[tuple[pathlib.Path, pathlib.PurePath], ...]
    notices: tuple[str, ...]


class Failure(NamedTuple):
    """A file that could not be predicted, and why."""

    image: pathlib.Path
    reason: str


def find_images(paths: Iterable[PathLike], *, recursive: bool = False, exclude: PathLike | None = None) -> FoundImages:
    """The image files that are named, or that lie in the folders that are named.

    Args:
        paths: files and folders.
        recursive: bool. Whether to take the images in subfolders too. Defaults to False.
        exclude: path of a folder to skip, that of the predictions. Defaults to None.

    Raises:
        InputError: a path does not exist, or a folder holds no images.
    """
    files: dict[pathlib.Path, tuple[pathlib.Path, pathlib.PurePath]] = {}
    notices = []
    left_out = None if exclude is None else pathlib.Path(exclude).resolve()

    def take(file: pathlib.Path, folder: pathlib.PurePath) -> None:
        # A file that is named twice is predicted once.
        files.setdefault(file.resolve(), (file, folder))

    for path in map(pathlib.Path, paths):
        if path.is_file() or (_is_raster(path) and path.exists()):
            take(path, pathlib.PurePath())
        elif path.is_dir():
            found, notice = _of_folder(path, recursive=recursive, left_out=left_out)
            for file, folder in found:
                take(file, folder)
            notices += notice
        else:
            raise InputError(f"{path}: no such file or folder.")
    return FoundImages(tuple(files.values()), tuple(notices))


def _of_folder(
    root: pathlib.Path, *, recursive: bool, left_out: pathlib.Path | None
) -> tuple[list[tuple[pathlib.Path, pathlib.PurePath]], list[str]]:
    """The images of a folder with their places in it, and a line about what is not taken."""
    taken, others = [], collections.Counter()
    inside, inner_folders = 0, []
    for listing in walk(root):
        resolved = listing.path.resolve()
        if left_out is not None and (resolved == left_out or left_out in resolved.parents):
            continue
        place = listing.path.relative_to(root)
        found = listing.images
        if recursive or listing.path == root:
            taken += [(file, place) for file in found]
            others.update(listing.others)
        elif found:
            inside += len(found)
            inner_folders.append(f"{place}/")
    parts = [f"{count} {kind}" for kind, count in sorted(others.items())]
    if inside:
        advice = "add `recursive=True` to predict them"
        parts.append(f"{counted(inside, 'image')} in subfolders ({some_of(inner_folders)}; {advice})")
    if not taken:
        holds = f"It holds {', '.join(parts)}." if parts else "It is empty."
        raise InputError(f"{root}: holds no images ({', '.join(EXTENSIONS[:8])}, ...). {holds}")
    return taken, [f"Not predicted in {root}: {', '.join(parts)}."] if parts else []


def _is_raster(path: pathlib.Path) -> bool:
    return path.suffix.lower() in RASTERS


def prediction_files(
    found: FoundImages, out: PathLike, *, overwrite: bool = False, resume: bool = False, folders: bool = False
) -> list[PredictionFile]:
    """Where the predictions of images go: masks/NAME and overlays/NAME below `out`, one mask for each raster.

    With `folders`, the masks of an image are a folder, as for a task whose classes overlap.

    Raises:
        InputError: a file would be overwritten or written twice. With `resume`, predictions may exist.
    """
    out = pathlib.Path(out)
    files, seen = [], {}
    for image, folder in found.files:
        place = folder / image.stem
        if place in seen:
            raise InputError(f"{image}: would be written to the same place as {seen[place]}. Predict them separately.")
        seen[place] = image
        raster = _is_raster(image)
        name = image.name if raster else image.stem if folders else f"{image.stem}.png"
        mask = out / "masks" / folder / name
        overlay = None if raster else out / "overlays" / folder / f"{image.stem}.png"
        for target in (mask, overlay):
            if target is None:
                continue
            if target.exists() and not overwrite and not resume:
                raise InputError(
                    f"{target}: exists already. Choose another folder, keep finished predictions with `resume=True`, "
                    "or replace them with `overwrite=True`."
                )
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
    notice: Callable[[str], None] | None = None,
) -> list[Failure]:
    """Predict files one by one, and write a mask and an overlay for each image and a mask of class ids for each raster.

    A file that cannot be read or predicted does not stop the others.

    Args:
        run: `TrainedRun`.
        model: keras.Model of the run, or one derived from it.
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
            f"{rasters[0].image}: rasters get masks of class ids, and {run.folder.path} was trained with "
            f"`task={run.task.name!r}`. Convert the raster to PNG or TIFF."
        )
    if overlap is not None and tile is None and not rasters:
        raise InputError("`overlap` applies to tiles only. Give `tile` too.")
    keep = resume and not overwrite
    failures: list[Failure] = []
    if rasters and run.postprocessing:
        name = rasters[0].image.name
        (notice or warnings.warn)(f"{name} is predicted row by row, without the postprocessing of the run.")
    scales = _Scales(run.image_range)
    transparent: list[ImageFacts] = []
    overlap = _OVERLAP if overlap is None else overlap
    predict = None
    kind = output_kind(model) if images else "unknown"
    if images and tile is not None:
        predict = TiledPredictor(model, tile, overlap=overlap).predict
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
                scores = predict_one(model, image) if predict is None else predict(image)
            except InputError as error:
                if len(files) == 1:
                    raise
                failures.append(Failure(file.image, str(error)))
            else:
                _write_pictures(run, file, image, np.asarray(scores), kind=kind)
        _report(progress, file, done + 1, len(images))
    if rasters:
        predictor = TiledPredictor(model, tile or _RASTER_TILE, overlap=overlap, output="class_ids")
        for file in rasters:
            if keep and file.mask.exists():
                continue
            report = None if progress is None else _of_file(progress, file)
            try:
                source = RasterSource(file.image, channels=run.channels)
                scales.look(file.image, source.value_range())
                # A run knows the scale that it was trained on.
                image = source if run.image_range else file.image
                predictor.predict(image, file.mask, progress=report, overwrite=overwrite, resume=resume)
            except InputError as error:
                if len(files) == 1:
                    raise
                failures.append(Failure(file.image, str(error)))
    for line in (*scales.lines(len(files)), *transparency_notices(transparent)):
        (notice or _warn)(line)
    return failures


class _Scales:
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


def _write_pictures(run: TrainedRun, file: PredictionFile, image: np.ndarray, scores: np.ndarray, *, kind: str) -> None:
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
