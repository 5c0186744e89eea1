"""GeoTIFF files and other rasters of GDAL, read in windows by rasterio."""

import contextlib
import importlib
import importlib.util
import os
import pathlib
import threading
import warnings
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.checked_file import check_file, refuse_pointer
from keras_seg._decoding.tiff import check_complete
from keras_seg._types import PathLike
from keras_seg._validation import InputError

GEOTIFFS = (".tif", ".tiff")
# A .vrt is a small text file that names others: a mosaic of rasters, or some of the bands of one.
GEO_RASTERS = (*GEOTIFFS, ".vrt")

# Enough for neighboring windows, which share blocks.
_CACHE_MB = 128

# The bits of NumPy's dtypes; others, such as 12 of 16, have another white.
_WHOLE_BITS = (8, 16, 32, 64)

# Filters of warnings belong to the process, so that two threads must not change them at once.
_opening = threading.Lock()


def import_rasterio() -> ModuleType:
    """rasterio, or the error that names the extra."""
    return _validation.optional_import("rasterio", "geo", "A GeoTIFF")


def has_rasterio() -> bool:
    """Whether rasterio can be imported; where GeoTIFFs can be read as pictures too, it is not needed."""
    return importlib.util.find_spec("rasterio") is not None


@contextlib.contextmanager
def small_cache(rasterio: ModuleType) -> Iterator[None]:
    """GDAL with a cache of 128 MB, unless the user has set another.

    By default it keeps as many decoded blocks as fill a twentieth of the machine's memory.
    """
    by_user = rasterio.env.hasenv() and "GDAL_CACHEMAX" in rasterio.env.getenv()
    with rasterio.Env(**{} if by_user or "GDAL_CACHEMAX" in os.environ else {"GDAL_CACHEMAX": _CACHE_MB}):
        yield


def is_geo_raster(path: PathLike) -> bool:
    """Whether the name is that of a raster which rasterio reads in windows."""
    return pathlib.Path(path).suffix.lower() in GEO_RASTERS


class GeoRaster:
    """A raster in a file, which is read in windows.

    Args:
        path: path of a .tif, .tiff or .vrt file.
        channels: int, the channels of the windows. Defaults to None: the bands of the file.

    Attributes:
        path: pathlib.Path.
        shape: (height, width, channels).
        dtype: np.dtype of the windows.
        crs: rasterio's CRS; None without one.
        transform: the affine transform from (column, row) to coordinates.
        georeference: dict of what a file with the same grid is created with; empty without georeference.
        has_nodata: bool. Whether the file says which pixels hold no data.

    Raises:
        InputError: the file is missing, damaged or truncated, or its bands cannot be used.
        ImportError: rasterio is missing.
    """

    def __init__(self, path: PathLike, channels: int | None = None) -> None:
        self.path = pathlib.Path(path)
        self._rasterio = import_rasterio()
        check_file(self.path, "image")
        refuse_pointer(self.path)
        # Datasets of GDAL are not thread-safe: each thread opens the file for itself.
        self._of_thread = threading.local()
        dataset = self._dataset
        self._check_kind(dataset)
        self._bands, self._repeats = self._chosen(dataset, channels)
        self.shape = (dataset.height, dataset.width, len(self._bands) * self._repeats)
        self.dtype = np.dtype(dataset.dtypes[0])
        self.crs, self.transform = dataset.crs, dataset.transform
        self.georeference = _georeference(dataset)
        masks = self._rasterio.enums.MaskFlags
        flags = [dataset.mask_flag_enums[band - 1] for band in self._bands]
        alpha_is_channel = any(masks.alpha in of_band for of_band in flags) and len(self._bands) == dataset.count
        self.has_nodata = not alpha_is_channel and any(masks.all_valid not in of_band for of_band in flags)
        self._nodata = [dataset.nodatavals[band - 1] for band in self._bands]

    def __getitem__(self, window: tuple[slice, slice]) -> np.ndarray:
        """The window of `raster[y0:y1, x0:x1]`, (rows, columns, channels); pixels without data are 0."""
        rows, columns = window
        values = self._read(rows.start, rows.stop, columns.start, columns.stop)
        for index, nodata in enumerate(self._nodata):
            # Where the other bands hold data, 255 or 0 may be a color; NaN or -9999 is none.
            if nodata and self.dtype.kind == "f":
                band = values[..., index]
                band[np.isnan(band) if np.isnan(nodata) else band == np.asarray(nodata, band.dtype)] = 0
        valid = self.valid(rows.start, rows.stop, columns.start, columns.stop)
        if valid is not None:
            values[~valid] = 0
        return np.repeat(values, self._repeats, axis=-1) if self._repeats > 1 else values

    def valid(self, y0: int, y1: int, x0: int, x1: int) -> np.ndarray | None:
        """Whether the pixels of a window hold data, bool (rows, columns); None if all of the file do.

        A pixel holds none where every band is nodata, where a mask of the file says so, or where it is transparent.
        """
        if not self.has_nodata:
            return None
        with self._readable():
            return self._dataset.dataset_mask(window=((y0, y1), (x0, x1))) > 0

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """(left, bottom, right, top) in the units of the CRS."""
        return tuple(self._dataset.bounds)

    @property
    def tags(self) -> dict[str, str]:
        """The tags of the first band."""
        return self._dataset.tags(1)

    def regions(self) -> Iterator[tuple[int, list[np.ndarray]]]:
        """(value, rings) of each region of one value of the first band, an integer, that holds data.

        A ring is (corners, 2), x and y in pixels, and ends where it begins; the first one surrounds the region.
        """
        features = importlib.import_module("rasterio.features")  # `import rasterio` does not load it.
        inverse, nodata = ~self.transform, self._nodata[0]
        with self._readable():
            band = self._rasterio.band(self._dataset, 1)
            for shape, value in features.shapes(band, connectivity=4):
                if nodata is None or value != nodata:
                    # GDAL gives the places on the map, in floats; corners are whole pixels.
                    yield int(value), [np.rint(transformed(inverse, np.array(r))) for r in shape["coordinates"]]

    def _read(self, y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
        with self._readable():
            bands = self._dataset.read(self._bands, window=((y0, y1), (x0, x1)))
        return np.ascontiguousarray(np.moveaxis(bands, 0, -1))

    @property
    def _dataset(self) -> Any:
        """The file, opened by this thread."""
        dataset = getattr(self._of_thread, "dataset", None)
        if dataset is None:
            with self._readable(), _opening, warnings.catch_warnings():
                warnings.simplefilter("ignore", self._rasterio.errors.NotGeoreferencedWarning)
                dataset = self._of_thread.dataset = self._rasterio.open(self.path)
        return dataset

    def _readable(self) -> contextlib.AbstractContextManager[None]:
        return _readable(self.path, self._rasterio)

    def _check_kind(self, dataset: Any) -> None:
        """Refuse truncated files, and those of several pages or dtypes."""
        if self.path.suffix.lower() in GEOTIFFS:
            check_complete(self.path)
        if dataset.subdatasets:
            fix = f"Save one of them to a file: gdal_translate {dataset.subdatasets[0]} page.tif."
            raise InputError(f"{self.path}: holds {len(dataset.subdatasets)} pages. {fix}")
        if not dataset.count:
            raise InputError(f"{self.path}: has no bands. Check how it was made.")
        if len(set(dataset.dtypes)) > 1:
            fix = "Write all bands with one: gdal_translate -ot Float32."
            raise InputError(f"{self.path}: its bands have several dtypes, {', '.join(dataset.dtypes)}. {fix}")

    def _chosen(self, dataset: Any, channels: int | None) -> tuple[list[int], int]:
        """The bands to read, counted from 1, and how often each is repeated."""
        bands = list(range(1, dataset.count + 1))
        if channels in (None, dataset.count):
            return bands, 1
        alpha = dataset.colorinterp[-1] == self._rasterio.enums.ColorInterp.alpha
        colors = bands[:-1] if alpha else bands
        if len(colors) == channels:
            return colors, 1
        if channels == 3 and len(colors) == 1:
            return colors, 3  # As in training, a gray image has three equal channels.
        wanted = " ".join(f"-b {band}" for band in range(1, channels + 1))
        raise InputError(
            f"{self.path}: has {_bands(dataset.count)}, and {channels} are needed. Choose them with GDAL: "
            f"gdal_translate {wanted} {self.path.name} bands.vrt, and pass bands.vrt."
        )

    def check_grid(self) -> None:
        """Refuse control points in the place of a transform: they do not say where a pixel lies."""
        if "gcps" in self.georeference:
            fix = f"Give it a grid: gdalwarp -r near {self.path.name} warped.tif."
            raise InputError(f"{self.path}: has control points in the place of a transform. {fix}")

    def check_values(self) -> None:
        """Refuse values that are no brightness on a known scale: those of a palette, inverted ones, odd bits."""
        for band in self._bands:
            structure = self._dataset.tags(band, ns="IMAGE_STRUCTURE")
            bits = int(structure.get("NBITS", 8))
            if bits not in _WHOLE_BITS:
                fix = f"Spread them with GDAL: gdal_translate -scale 0 {2**bits - 1} 0 65535 -ot UInt16 -co NBITS=16."
                raise InputError(f"{self.path}: has {bits} bits per band, whose white is not that of 8 or 16. {fix}")
            if self._dataset.colorinterp[band - 1] == self._rasterio.enums.ColorInterp.palette:
                raise InputError(f"{self.path}: holds numbers of colors. Write these: gdal_translate -expand rgb.")
        if self._dataset.tags(ns="IMAGE_STRUCTURE").get("MINISWHITE") == "YES":
            raise InputError(f"{self.path}: stores white as 0. Invert it: gdal_translate -scale 0 255 255 0.")


@contextlib.contextmanager
def _readable(path: pathlib.Path, rasterio: ModuleType) -> Iterator[None]:
    """GDAL with a small cache; its errors as one line."""
    try:
        with small_cache(rasterio):
            yield
    except rasterio.errors.RasterioError as error:
        cause = error.__cause__ or error  # rasterio's own says to see the one before.
        reason = " ".join(str(cause).split())
        raise InputError(f"{path}: cannot be read ({reason}). Copy or download it again.") from error


def transformed(transform: Any, points: np.ndarray) -> np.ndarray:
    """Points (n, 2) under an affine transform. affine 2 and 3 write this product in two ways."""
    x, y = points.T
    return np.stack(
        [transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f], 1
    )


def _georeference(dataset: Any) -> dict[str, Any]:
    gcps, crs = dataset.gcps
    if gcps:
        return {"gcps": gcps, "crs": crs}
    if dataset.crs is None and dataset.transform.is_identity:
        return {}
    return {"crs": dataset.crs, "transform": dataset.transform}


def _bands(count: int) -> str:
    return f"{count} bands" if count > 1 else "1 band"
