"""What each worker does with a band of a huge raster."""

import dataclasses
import pathlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from keras_seg import _files
from keras_seg._types import PathLike
from keras_seg.inference import TiledPredictor
from keras_seg.inference.tiling.raster_layout import RasterLayout, raster_layout
from keras_seg.inference.tiling.raster_prediction import RasterPrediction
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.raster_target import path_target
from keras_seg.inference.tiling.whole_chunks import whole_chunks
from keras_seg.inference.tiling.zarr_store import chunk_rows
from keras_seg.scale.job import Job
from keras_seg.scale.opened_model import OpenedModel
from keras_seg.scale.raster_bands import Band
from keras_seg.training.raster_file import check_raster, check_scores

# The item that asks for a `Description`; all others are bands.
DESCRIBE = "describe"


class Description(NamedTuple):
    """What the model, which workers alone open, tells of a prediction.

    Attributes:
        layout: `RasterLayout`.
        notices: tuple of str, lines about the raster.
    """

    layout: RasterLayout
    notices: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class RasterJob(Job):
    """Predict bands of a raster into one output, which is there already and whose chunks no two bands share.

    Args:
        model: how the model is opened.
        image: str. The absolute path of the raster.
        out: absolute path, or `GeoTIFF` of one.
        tiling: arguments of `TiledPredictor`.
        dtype: of the prediction, or None.
    """

    model: OpenedModel
    image: str
    out: PathLike
    tiling: Mapping[str, Any]
    dtype: Any

    def open(self) -> Callable[[Any], Any]:
        """The function that predicts a band with the model, which is loaded once."""
        run, model = self.model.load()
        if self.tiling["output"] == "class_ids":
            check_raster(run, model, pathlib.Path(self.image))
        else:
            check_scores(run, model)
        predictor = TiledPredictor(model, **self.tiling)
        source = RasterSource(self.image, channels=predictor.geometry.channels)
        layout = raster_layout(
            source, predictor.geometry.classes, output=predictor.output, dtype=self.dtype, out=self.out
        )
        # A run knows the scale that it was trained on, and the process that hands the bands out compares.
        scale_of = None if run.image_range else model
        return _BandPredictor(predictor, source, layout, out=self.out, scale_of=scale_of)


class _BandPredictor:
    """Predicts bands into whole chunks of the output."""

    def __init__(
        self, predictor: TiledPredictor, source: RasterSource, layout: RasterLayout, *, out: PathLike, scale_of: Any
    ) -> None:
        self._prediction = RasterPrediction(predictor, source, layout)
        self._source, self._layout, self._out, self._scale_of = source, layout, out, scale_of

    def __call__(self, item: Any) -> Any:
        return self._description() if item == DESCRIBE else self._predict(item)

    def _description(self) -> Description:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if self._scale_of is not None:
                self._source.check_scale(self._scale_of)
        return Description(self._layout, tuple(str(warning.message) for warning in caught))

    def _predict(self, band: Band) -> Band:
        target = path_target(self._out, self._layout, source=self._source, shared=True)
        target.go_on()
        for top, values in whole_chunks(self._prediction.band(*band), chunk_rows(self._layout.shape[0])):
            try:
                target.write(top, values)
            except OSError as error:
                raise _files.not_writable(target.partial, error) from error
        return band
