"""The regions of a georeferenced map of class ids as polygons in a file for maps."""

import json
import pathlib
import re
import struct
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from keras_seg import _files, _validation
from keras_seg._types import PathLike
from keras_seg._validation import InputError

if TYPE_CHECKING:
    from keras_seg._decoding.geo_raster import GeoRaster

_DRIVERS = {".geojson": "GeoJSON", ".gpkg": "GPKG"}
# What GDAL's polygonizing reads without rounding.
_DTYPES = ("uint8", "uint16", "int16", "int32")
# Projections of the whole earth whose scale changes with the latitude: in Web Mercator, areas at 60 degrees are four
# times those on the ground. Transverse and oblique Mercator, whose names begin otherwise, map a strip in one scale.
_STRETCHED = re.compile(
    r'(PROJECTION|METHOD)\["(Mercator|Popular Visuali.ation Pseudo Mercator|Equirectangular|Equidistant[ _]Cylindrical'
    r"|Plate[ _]Carree|Miller[ _]Cylindrical|Gall[ _]Stereographic)",
    re.IGNORECASE,
)


def write_polygons(
    raster: PathLike,
    path: PathLike,
    *,
    class_names: Sequence[str] | None = None,
    ignore: Sequence[int] = (0,),
    min_pixels: int = 1,
    overwrite: bool = False,
) -> pathlib.Path:
    """Write the regions of a GeoTIFF of class ids as polygons, in the coordinates of its CRS.

    Pixels of one class are connected along their sides, and polygons cover exactly their pixels, as those of
    `polygons`. The raster is read in windows; memory grows with the number of polygons and their corners, not with the
    pixels. Each polygon has the fields `class_id`, `class` (its name), `pixels` and `area`: square meters, or null
    where the CRS is in degrees or missing, or where its scale changes with the latitude, as that of Web Mercator.

    Args:
        raster: path of a .tif or .vrt file, such as `TiledPredictor` writes.
        path: path of the result: .geojson, or .gpkg for GeoPackage. GeoJSON in another CRS than longitude and latitude
            names it, as programs on GDAL do.
        class_names: sequence of str, one per class. Defaults to None: the tag `class_names` of the raster, else
            "class_0", "class_1", ...
        ignore: sequence of int. Ids without polygons; pixels without data have none either. Defaults to (0,), the
            background.
        min_pixels: int >= 1. Smaller regions are left out. Defaults to 1.
        overwrite: bool. Whether `path` may be replaced. Defaults to False.

    Returns:
        The path.

    Raises:
        InputError: the raster is no map of class ids, or has control points in the place of a transform, an argument
            is out of range, or `path` exists.
        ImportError: rasterio or pyogrio is missing: `pip install "keras-seg[geo]"`.

    Examples:
        >>> import keras_seg as ks, numpy as np, rasterio
        >>> ids = np.zeros((1, 4, 6), "uint8")
        >>> ids[:, 1:3, 2:5] = 1
        >>> place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(5e5, 54e5, 10, 10)}
        >>> sizes = {"count": 1, "height": 4, "width": 6, "dtype": "uint8"}
        >>> with rasterio.open("ids.tif", "w", driver="GTiff", **sizes, **place) as file:
        ...     file.write(ids)
        >>> path = ks.inference.write_polygons("ids.tif", "fields.geojson", class_names=["ground", "field"])
        >>> import json
        >>> json.loads(path.read_text())["features"][0]["properties"]
        {'class_id': 1, 'class': 'field', 'pixels': 6, 'area': 600.0}
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in _DRIVERS:
        _validation.fail("path", "must end in .geojson or .gpkg", str(path))
    _validation.integer("min_pixels", min_pixels)
    _validation.boolean("overwrite", overwrite)
    ignored = _validation.ignored_classes(ignore, "ignore")
    # Known before the raster is read, which may take long.
    _files.check_file_place(path)
    if path.exists() and not overwrite:
        _validation.fail("path", "exists already", str(path), "Choose another path, or pass `overwrite=True`.")
    pyogrio = _validation.optional_import("pyogrio", "geo", "Writing polygons")
    # Only here: what reads rasters takes a tenth of the time of `import keras_seg`.
    from keras_seg._decoding.geo_raster import GeoRaster, transformed

    ids = GeoRaster(raster)
    ids.check_grid()
    if ids.shape[2] != 1 or ids.dtype.name not in _DTYPES:
        found = f"{ids.shape[2]} bands of {ids.dtype}"
        raise InputError(f"{ids.path}: holds {found}, and a map of class ids is one band of {', '.join(_DTYPES)}.")
    names = _names(ids, class_names)
    square = _square_meters(ids)
    shapes, labels, sizes = [], [], []
    for label, rings in ids.regions():
        if label in ignored:
            continue
        pixels = round(sum(abs(_area(ring)) * (1 if index == 0 else -1) for index, ring in enumerate(rings)))
        if pixels >= min_pixels:
            shapes.append(_wkb([transformed(ids.transform, ring) for ring in rings]))
            labels.append(label)
            sizes.append(pixels)
    missing = [label for label in labels if not 0 <= label < len(names)] if names is not None else []
    if missing:
        fix = "Add its name to `class_names`, or the id to `ignore`."
        raise InputError(f"{ids.path}: holds the id {missing[0]}, and there are {len(names or ())} class names. {fix}")
    areas = np.array(sizes, "float64") * (np.nan if square is None else square)
    named = [f"class_{label}" if names is None else names[label] for label in labels]
    columns = [np.array(labels, "int32"), np.array(named, object), np.array(sizes, "int64"), areas]
    crs = None if ids.crs is None else ids.crs.to_wkt()
    with _files.written_aside(path, overwrite=overwrite) as aside, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'crs' was not provided")  # The raster has none.
        pyogrio.raw.write(
            aside,
            np.array(shapes, object),
            columns,
            ["class_id", "class", "pixels", "area"],
            driver=_DRIVERS[path.suffix.lower()],
            layer="polygons",
            geometry_type="Polygon",
            crs=crs,
        )
    return path


def _names(ids: "GeoRaster", class_names: Sequence[str] | None) -> tuple[str, ...] | None:
    if class_names is not None:
        given = tuple(class_names)
        return _validation.class_names(given, len(given))
    tag = ids.tags.get("class_names")
    try:
        return None if tag is None else tuple(str(name) for name in json.loads(tag))
    except (ValueError, TypeError):
        return None  # Another program's tag of this name.


def _square_meters(ids: "GeoRaster") -> float | None:
    """The area of a pixel; None where the CRS has none, or another one in each row."""
    if ids.crs is None or not ids.crs.is_projected or _STRETCHED.search(ids.crs.to_wkt()):
        return None
    _, meters = ids.crs.linear_units_factor
    return abs(ids.transform.determinant) * meters**2


def _area(ring: np.ndarray) -> float:
    x, y = ring.T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2


def _wkb(rings: list[np.ndarray]) -> bytes:
    """A polygon in the bytes of the OGC's well-known binary, little-endian."""
    parts = [struct.pack("<I", len(ring)) + ring.astype("<f8").tobytes() for ring in rings]
    return struct.pack("<BII", 1, 3, len(rings)) + b"".join(parts)
