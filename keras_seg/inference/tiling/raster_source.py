"""Images read one window at a time: arrays, files, stores and functions."""

import numbers
import os
import pathlib
import warnings
from typing import Any

import keras
import numpy as np

from keras_seg import _validation
from keras_seg._decoding.arrays import is_array, open_array
from keras_seg._decoding.geo_raster import GeoRaster, is_geo_raster
from keras_seg._decoding.value_range import ValueRange, check_dtype, contradicts, scale_of, to_255, unusual
from keras_seg._remote_files import is_remote
from keras_seg._types import PathLike
from keras_seg._validation import InputError
from keras_seg.inference.tiling.remote_zarr import open_remote
from keras_seg.inference.tiling.written_rows import release
from keras_seg.layers.preprocessing import Preprocessing

_FIX = "Pass an array (height, width, channels), a .npy, .zarr or .tif path, a Zarr array, or a reader(y0, y1, x0, x1)."

# Rows that tell the range of a file's values.
_ROWS_LOOKED_AT = 16


class ScaleWarning(UserWarning):
    """The values of a file are on another scale than the model takes."""


class RasterSource:
    """An image (height, width, channels) that is read in windows.

    The values of a file are brought to 0..255 as training reads them; arrays and readers are used unchanged.

    Args:
        image: NumPy array, `np.memmap`, path of a .npy file, .zarr store, GeoTIFF or .vrt, address of a .zarr store
            (s3://...), anything with `shape`, `dtype` and slices such as a Zarr array, or a callable
            `reader(y0, y1, x0, x1)` that returns rows y0 to y1 and columns x0 to x1, ends not included, as an array
            (rows, columns, channels).
        shape: (height, width, channels) of a reader. Defaults to None, its attribute `shape`.
        channels: int or None, that the image must have.
    """

    def __init__(self, image: Any, shape: Any = None, channels: int | None = None) -> None:
        self._file: pathlib.Path | str | None
        self._path: PathLike | None
        if isinstance(image, str) and is_remote(image):
            self._file, self._path, image = image.rstrip("/"), image, open_remote(image)
            check_dtype(self._path, np.dtype(image.dtype))
        elif isinstance(image, (str, os.PathLike)):
            path = pathlib.Path(image)
            self._file, self._path, image = path.resolve(), path, _opened(path, channels)
        else:
            self._file, self._path = _file_of(image), None
        sliced = _is_sliced(image)
        if not sliced and not callable(image):
            image = _array(image)
            sliced = True
        self._image: Any = image
        self._sliced = sliced
        if shape is not None and sliced:
            _validation.fail("shape", "must be left out for images that have one", shape)
        if not sliced and shape is None:
            shape = getattr(image, "shape", None)
            if shape is None:
                fix = "Pass shape=(height, width, channels), or give the reader an attribute `shape`."
                _validation.fail("shape", "must be given for a reader", shape, fix)
        given: Any = image.shape if sliced else shape
        if self._path is not None and len(given) == 2:
            given = (*given, 1)  # As in training, an array in a file needs no axis for one channel.
        self.shape = _checked_shape("image" if sliced else "shape", given, channels)
        self.dtype = np.dtype(image.dtype) if sliced else None
        if self.dtype is not None and self.dtype.kind not in "buif":
            _validation.fail("image", "must hold numbers", f"dtype {self.dtype}", _FIX)

    def value_range(self) -> ValueRange:
        """The (smallest, largest) value in some rows of the image; (0, 255) for 8 bits."""
        if self.dtype == np.uint8:
            return 0.0, 255.0
        height, width, _ = self.shape
        places = np.unique(np.linspace(0, height - 1, min(height, _ROWS_LOOKED_AT)).astype(int)).tolist()
        rows = [self.read(row, row + 1, 0, width) for row in places]
        return float(min(row.min() for row in rows)), float(max(row.max() for row in rows))

    def check_scale(self, model: keras.Model) -> None:
        """Compare the values of a file with 0..255, if the model normalizes these itself.

        Fractions and standardized values are refused; other values far from 0..255 get a warning.
        """
        if self._path is None or self.dtype is None or not _normalizes(model):
            return
        found = self.value_range()
        text = unusual(found, self.dtype.kind)
        if not text:
            return
        told = f"{self._path}: holds {text}, and the model takes 0..255."
        if contradicts(found, (0.0, 255.0)) and self.dtype.kind == "f":
            fix = "Save the values times 255" if scale_of(found) == "0..1" else "Scale the values to 0..255"
            array = "the array itself is read unchanged, for a model that was trained on such values"
            raise InputError(f"{told} {fix}, or pass numpy.load(path): {array}.")
        message = f"{told} Unless it was trained on such files, scale the values to 0..255."
        warnings.warn(message, ScaleWarning, stacklevel=3)

    @property
    def has_nodata(self) -> bool:
        """Whether the image marks pixels that hold no data."""
        return isinstance(self._image, GeoRaster) and self._image.has_nodata

    @property
    def georeference(self) -> dict[str, Any]:
        """What a raster with the grid of the image is created with; empty for images without georeference."""
        return self._image.georeference if isinstance(self._image, GeoRaster) else {}

    def valid(self, y0: int, y1: int) -> np.ndarray | None:
        """Whether the pixels of rows `y0` to `y1` hold data, bool (rows, width); None if all pixels of the image do."""
        return self._image.valid(y0, y1, 0, self.shape[1]) if isinstance(self._image, GeoRaster) else None

    def lies_in(self, place: Any) -> bool:
        """Whether the image is stored in `place`, the array or path to write to."""
        image = self._image
        if isinstance(place, (pathlib.Path, str)):
            return (place.rstrip("/") if isinstance(place, str) else place.resolve()) == self._file
        if isinstance(place, np.memmap) and isinstance(image, np.memmap) and _map_of(place) is not _map_of(image):
            return self._file is not None and _file_of(place) == self._file
        return place is image or (
            isinstance(place, np.ndarray) and isinstance(image, np.ndarray) and np.may_share_memory(place, image)
        )

    def read(self, y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        """The window of rows `y0` to `y1` and columns `x0` to `x1` as a new array."""
        if self._sliced:
            window = self._image[y0:y1, x0:x1]
            # GeoRaster's are new; a view of an array or of a map must be copied.
            window = window if isinstance(self._image, GeoRaster) else np.array(window)
            release(self._image)
            if self._path is not None:
                window = to_255(self._path, window.reshape(*window.shape[:2], -1))
        else:
            window = np.asarray(self._image(y0, y1, x0, x1))
        expected = (y1 - y0, x1 - x0, self.shape[2])
        if window.shape != expected or window.dtype.kind not in "buif":
            received = f"{window.dtype}{window.shape} from reader({y0}, {y1}, {x0}, {x1})"
            _validation.fail("image", f"must give windows of shape {expected} that hold numbers", received)
        return window

    def read_mirrored(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """The pixels at positions `rows` by `columns`, some of them mirrored."""
        y0, x0 = rows.min(), columns.min()
        window = self.read(int(y0), int(rows.max()) + 1, int(x0), int(columns.max()) + 1)
        for axis, positions in enumerate((rows - y0, columns - x0)):
            if not np.array_equal(positions, np.arange(window.shape[axis])):
                window = window.take(positions, axis=axis)
        return window


def _normalizes(model: Any) -> bool:
    """Whether a model, or one inside it, begins with a normalization of 0..255."""
    return any(
        (isinstance(layer, Preprocessing) and layer.mode != "none") or _normalizes(layer)
        for layer in getattr(model, "layers", ())
    )


def _is_sliced(image: Any) -> bool:
    """Whether an image can be sliced as it is; tensors have dtypes that NumPy does not know."""
    try:
        np.dtype(image.dtype)
    except (AttributeError, TypeError):
        return False
    return hasattr(image, "shape") and hasattr(image, "__getitem__")


def _file_of(array: Any) -> pathlib.Path | None:
    """The file of a memory-mapped array, or None."""
    mapped = isinstance(array, np.memmap) and array.filename is not None
    return pathlib.Path(str(array.filename)).resolve() if mapped else None


def _map_of(array: Any) -> Any:
    """The mapping of a memory-mapped array, which its views share; NumPy has no public name for it."""
    return array._mmap


def _opened(path: pathlib.Path, channels: int | None) -> Any:
    if not path.exists():
        raise InputError(f"{path}: there is no such file. Check the path.")
    if is_geo_raster(path):
        raster = GeoRaster(path, channels)
        raster.check_values()
        check_dtype(path, raster.dtype)
        return raster
    if not is_array(path):
        raise InputError(
            f"{path}: must be a .npy file, a .zarr store or a GeoTIFF. Read it first, with keras_seg.data.read_image "
            "for instance."
        )
    array = open_array(path)
    check_dtype(path, np.dtype(array.dtype))
    return array


def _array(image: Any) -> np.ndarray:
    try:
        return np.asarray(image)
    except (ValueError, TypeError, RuntimeError) as error:  # RuntimeError for PyTorch tensors with a gradient.
        raise InputError(f"`image` cannot be read as an array ({_line(error)}). {_FIX}") from error


def _checked_shape(name: str, shape: Any, channels: int | None) -> tuple[int, int, int]:
    """`shape` as a tuple of ints; `name` is "image" for an image's own shape, "shape" for that of a reader."""
    sides = tuple(shape) if isinstance(shape, (tuple, list, np.ndarray)) else ()
    if len(sides) != 3 or not all(isinstance(side, numbers.Integral) for side in sides):
        fixes = {2: "Add the channels: image[..., None].", 4: "Pass one image, not a batch."}
        rule = (
            "must have the shape (height, width, channels)" if name == "image" else "must be (height, width, channels)"
        )
        _validation.fail(
            name, rule, shape, fixes.get(len(sides), _FIX) if name == "image" else "For example (20000, 30000, 3)."
        )
    shape = tuple(int(side) for side in sides)
    if min(shape) < 1:
        _validation.fail(name, "must have at least one pixel and one channel", shape, "Check how it was cut.")
    if channels is not None and shape[2] != channels:
        fix = f"Keep the {channels}: image[..., :{channels}]." if shape[2] > channels else ""
        _validation.fail(name, f"must have the {channels} channels that the model takes", shape, fix)
    return shape


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
