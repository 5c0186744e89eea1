"""What the prediction of a raster holds: class ids or scores, their dtype, and the mark of pixels without data."""

from typing import Any, NamedTuple

import numpy as np

from keras_seg import _validation
from keras_seg.inference.tiling.geotiff import GeoTIFF
from keras_seg.inference.tiling.raster_source import RasterSource


class RasterLayout(NamedTuple):
    """A prediction before it is there.

    Attributes:
        shape: tuple, (height, width) for class ids and (height, width, classes) for scores.
        dtype: np.dtype.
        ids: int, how many class ids there are.
        nodata: int or None, the id of pixels without data; their scores are NaN.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    ids: int
    nodata: int | None

    @property
    def holds_ids(self) -> bool:
        """Whether it holds class ids, and not scores."""
        return self.dtype.kind != "f"


def raster_layout(
    source: RasterSource, classes: int, *, output: str, dtype: Any = None, out: Any = None
) -> RasterLayout:
    """The layout of a prediction.

    Args:
        source: `RasterSource` of the image.
        classes: int, channels of the model's output.
        output: "scores", "probabilities" or "class_ids".
        dtype: of the prediction, or None for the default; see `TiledPredictor.predict`.
        out: what is written to, whose `nodata` counts if it is a `GeoTIFF`.

    Raises:
        InputError: the dtype or `nodata` does not suit the output.
    """
    nodata = _nodata(out, dtype, output, source=source, classes=classes)
    size = source.shape[:2]
    return RasterLayout(
        shape=size if output == "class_ids" else (*size, classes),
        dtype=_output_dtype(dtype, output, classes if nodata is None else nodata + 1),
        ids=max(classes, 2),
        nodata=nodata,
    )


def _nodata(out: Any, dtype: Any, output: str, *, source: RasterSource, classes: int) -> int | None:
    """The id of pixels without data; None if there are none, or for scores."""
    given = out.nodata if isinstance(out, GeoTIFF) else None
    if output != "class_ids":
        if given is not None:
            fix = "Leave it out: scores of pixels without data are NaN."
            _validation.fail("nodata", f"must be None for {output}", given, fix)
        return None
    ids = max(classes, 2)
    if given is not None:
        if given < ids:
            _validation.fail("nodata", f"must be no class id, and these are 0 to {ids - 1}", given, "For example 255.")
        return given
    if not source.has_nodata:
        return None
    return int(np.iinfo(_output_dtype(dtype, output, ids + 1)).max)


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
