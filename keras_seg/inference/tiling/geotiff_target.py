"""Predictions as GeoTIFF."""

import importlib
import json
import pathlib
import warnings
from typing import Any

import numpy as np

from keras_seg import _files, _validation
from keras_seg._decoding.geo_raster import import_rasterio, small_cache
from keras_seg.inference.tiling.geotiff import GeoTIFF
from keras_seg.inference.tiling.raster_layout import RasterLayout
from keras_seg.inference.tiling.raster_source import RasterSource
from keras_seg.inference.tiling.written_rows import PathTarget, RowFile, release
from keras_seg.visualization.palette import palette

_BLOCK = 256
_DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64")
_WITH_COLOR_TABLE = ("uint8", "uint16")


class GeoTIFFTarget(PathTarget):
    """A GeoTIFF: rows are collected in a file or store beside it, and written when all are there.

    A process that is killed leaves a broken TIFF, and one that is written in parts of blocks holds many of them twice.
    The collected rows survive the one and avoid the other, for as many bytes on the disk as they have.

    Args:
        settings: `GeoTIFF`.
        rows: `RowFile` to collect the rows in.
        layout: `RasterLayout` of the prediction.
        source: `RasterSource` of the image.
    """

    def __init__(self, settings: GeoTIFF, rows: RowFile, layout: RasterLayout, *, source: RasterSource) -> None:
        super().__init__(settings.path, rows)
        dtype, ids = layout.dtype, layout.ids
        self._rasterio = import_rasterio()
        if dtype.name not in _DTYPES:
            _validation.fail("dtype", "must be one that GeoTIFF has", dtype.name, f"Choose: {', '.join(_DTYPES)}.")
        for name, given in (("class_names", settings.class_names), ("colors", settings.colors)):
            if given is not None and len(given) != ids:
                _validation.fail(name, f"must have one entry for each of the {ids} classes", given)
        if settings.colors is not None and dtype.name not in _WITH_COLOR_TABLE:
            fix = 'Leave them out, or predict output="class_ids" to one of these.'
            rule = f"must be None in a file of {dtype.name}: color tables belong to ids of uint8 or uint16"
            _validation.fail("colors", rule, f"{ids} colors", fix)
        self._settings, self._source, self._ids, self._nodata = settings, source, ids, layout.nodata

    def finish(self) -> Any:
        """The complete file, opened for reading by rasterio."""
        rows = self._reopen(self.partial, "r")
        try:
            with (
                _files.written_aside(self._path, overwrite=True) as aside,
                warnings.catch_warnings(),
                small_cache(self._rasterio),
            ):
                warnings.simplefilter("ignore", self._rasterio.errors.NotGeoreferencedWarning)
                plain = aside.with_name("plain.tif") if self._settings.cog else aside
                self._write(plain, rows)
                if self._settings.cog:
                    options = {"compress": "deflate", "overview_resampling": self._resampling(rows).name}
                    # A module of its own, which `import rasterio` does not load.
                    importlib.import_module("rasterio.shutil").copy(
                        plain, aside, driver="COG", bigtiff="IF_SAFER", **options
                    )
        except self._rasterio.errors.RasterioIOError as error:
            raise _files.not_writable(self._path, error) from error
        del rows
        self.abandon()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", self._rasterio.errors.NotGeoreferencedWarning)
            return self._rasterio.open(self._path)

    def _write(self, path: pathlib.Path, rows: Any) -> None:
        height, width = rows.shape[:2]
        bands = rows.shape[2] if rows.ndim == 3 else 1
        profile = {"driver": "GTiff", "height": height, "width": width, "count": bands, "dtype": rows.dtype}
        layout = {"tiled": True, "blockxsize": _BLOCK, "blockysize": _BLOCK, "interleave": "band"}
        packing = {"compress": "deflate", "bigtiff": "IF_SAFER", "photometric": "minisblack"}
        nodata = self._nodata if rows.ndim == 2 else np.nan if self._source.has_nodata else None
        place = self._source.georeference
        with self._rasterio.open(path, "w", **profile, **layout, **packing, **place, nodata=nodata) as file:
            self._describe(file, bands, rows.dtype)
            # Whole rows of blocks, so that none is compressed twice.
            for top in range(0, height, _BLOCK):
                part = np.asarray(rows[top : top + _BLOCK]).reshape(-1, width, bands)
                part = np.ascontiguousarray(np.moveaxis(part, -1, 0))
                file.write(part, window=((top, min(top + _BLOCK, height)), (0, width)))
                release(rows)
        if self._settings.overviews:
            with self._rasterio.open(path, "r+") as file:
                file.build_overviews(_halvings(height, width), self._resampling(rows))

    def _describe(self, file: Any, bands: int, dtype: np.dtype) -> None:
        """Write names and colors, before the pixels: the header then stays in its place."""
        names = self._settings.class_names
        if dtype.kind == "f":
            # One channel is the score of class 1.
            for band, name in enumerate((names or ())[-bands:], 1):
                file.set_band_description(band, name)
            return
        if names is not None:
            file.update_tags(1, class_names=json.dumps(names, ensure_ascii=False))
        if dtype.name in _WITH_COLOR_TABLE:
            colors = self._settings.colors
            if colors is None:
                colors = palette(self._ids)
            table = {id_: (*map(int, color), 255) for id_, color in enumerate(colors)}
            if self._nodata is not None:
                table[self._nodata] = (0, 0, 0, 0)
            file.write_colormap(1, table)

    def _resampling(self, rows: Any) -> Any:
        kinds = self._rasterio.enums.Resampling
        return kinds.average if rows.dtype.kind == "f" else kinds.mode


def _halvings(height: int, width: int) -> list[int]:
    """2, 4, 8, ..., until the smallest map is one block."""
    factors = [2]
    while max(height, width) / factors[-1] > _BLOCK:
        factors.append(factors[-1] * 2)
    return factors
