"""A raster in a file that a run predicts: how it is read, and what its mask is."""

import pathlib

import keras
import numpy as np

from keras_seg._validation import InputError
from keras_seg.inference import GeoTIFF
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.training.prediction_file import PredictionFile
from keras_seg.training.prediction_inputs import is_map
from keras_seg.training.prediction_notices import Seen, check_scale
from keras_seg.training.usable_model import UsableModel


def check_raster(run: UsableModel, model: keras.Model, image: pathlib.Path) -> None:
    """Fail if no mask of class ids of a raster can be predicted with a model.

    Raises:
        InputError: its task has masks of another kind, or it gives no scores.
    """
    if not run.task.class_id_masks:
        raise InputError(
            f"{image}: rasters get masks of class ids, and {run.path} was trained with `task={run.task.name!r}`. "
            "Convert the raster to PNG or TIFF."
        )
    check_scores(run, model)


def check_scores(run: UsableModel, model: keras.Model) -> None:
    """Fail for an exported file of class ids alone."""
    if not getattr(model, "gives_scores", True):
        raise InputError(
            f"{run.path}: outputs class ids alone, and tiles are blended from scores. Export it with `output='scores'`."
        )


def open_raster(run: UsableModel, image: pathlib.Path) -> tuple[RasterSource, Seen]:
    """A raster, and what was seen of it.

    Raises:
        InputError: it cannot be read, or its values are on a scale that the run was not trained on.
    """
    source = RasterSource(image, channels=run.channels)
    values = source.value_range()
    check_scale(image, values, run.image_range)
    return source, Seen(values, uncleaned=bool(run.postprocessing))


def raster_out(run: UsableModel, file: PredictionFile) -> pathlib.Path | GeoTIFF:
    """The target of a raster; a GeoTIFF has the names of the classes, and the ignored label where there is no data."""
    if not is_map(file.image):
        return file.mask
    names = run.labels["names"]
    unused = [label for label in run.ignore_class or () if len(names) <= label <= np.iinfo("uint8").max]
    return GeoTIFF(file.mask, class_names=names, nodata=unused[0] if unused else None)
