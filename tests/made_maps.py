"""GeoTIFFs for tests, written by rasterio alone. Modules that import this one are skipped without it."""

import warnings

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")
from rasterio.transform import from_origin  # noqa: E402

# Pixels of ten meters in UTM zone 33.
PLACE = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_400_000, 10, 10)}
NO_PLACE = {"crs": None, "transform": None}


def write(path, image, **options):
    """Write an array (height, width) or (height, width, bands); the path."""
    bands = np.moveaxis(image.reshape(*image.shape[:2], -1), -1, 0)
    sizes = {"height": image.shape[0], "width": image.shape[1], "count": len(bands), "dtype": image.dtype}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver="GTiff", **{**PLACE, **sizes, **options}) as file:
            file.write(bands)
    return path


def read(path, band=1):
    """A band of a file."""
    with rasterio.open(path) as file:
        return file.read(band)
