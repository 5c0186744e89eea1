"""How a prediction is written to a GeoTIFF."""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_seg import _validation
from keras_seg._decoding.geo_raster import GEOTIFFS
from keras_seg._remote_files import is_remote
from keras_seg._types import ArrayLike, PathLike


class GeoTIFF(os.PathLike):
    """A GeoTIFF to predict to, the `out` of `TiledPredictor.predict`, with names, colors, nodata and overviews.

    The file has the coordinate reference system and the transform of the image, tiles of 256x256 that are compressed
    with Deflate, and one band of class ids, or a band per class for scores. The path alone, as a text, means the
    defaults.

    Args:
        path: path of the file, which ends in .tif or .tiff.
        class_names: sequence of str, one per class. Written as JSON to the tag `class_names` of a band of ids, or as
            the descriptions of the bands of scores. Defaults to None, for no names.
        colors: uint8 array (num_classes, 3), RGB, of the classes, for ids of uint8 or uint16, which have a color table.
            Defaults to None, for `visualization.palette`.
        nodata: int. The id of pixels that hold no data in the image; it must be no class id. Defaults to None: the
            largest value of the dtype, such as 255 for uint8, if the image marks pixels without data.
        overviews: bool. Whether to add smaller versions, so that viewers need not read all pixels. A pixel of a smaller
            map of ids has the most frequent id of its pixels. Defaults to False.
        cog: bool. Whether to write a cloud-optimized GeoTIFF, by GDAL's driver. It always has overviews. Defaults to
            False.

    Raises:
        InputError: an argument is not as above.

    Examples:
        >>> import keras_seg as ks
        >>> out = ks.inference.GeoTIFF("ids.tif", class_names=["field", "road"], cog=True)
        >>> out.class_names
        ('field', 'road')
    """

    def __init__(
        self,
        path: PathLike,
        *,
        class_names: Sequence[str] | None = None,
        colors: ArrayLike | None = None,
        nodata: int | None = None,
        overviews: bool = False,
        cog: bool = False,
    ) -> None:
        if is_remote(path):
            fix = "Write it to a disk of this machine, and copy it."
            _validation.fail("path", "must be a path, and not an address", str(path), fix)
        self.path = pathlib.Path(path)
        if not is_geotiff(self.path):
            _validation.fail("path", "must end in .tif or .tiff", str(path))
        names = None if class_names is None else tuple(class_names)
        self.class_names = None if names is None else _validation.class_names(names, len(names))
        self.colors = None if colors is None else np.asarray(colors)
        if self.colors is not None and (self.colors.ndim != 2 or self.colors.shape[1:] != (3,)):
            _validation.fail("colors", "must have the shape (num_classes, 3)", self.colors.shape)
        if self.colors is not None and self.colors.dtype != np.uint8:
            _validation.fail("colors", "must be uint8", str(self.colors.dtype), "Red, green and blue are 0 to 255.")
        self.nodata = None if nodata is None else _validation.integer("nodata", nodata, 0)
        self.overviews = _validation.boolean("overviews", overviews)
        self.cog = _validation.boolean("cog", cog)
        if self.cog and self.overviews:
            _validation.fail("overviews", "must be left out with cog=True, which includes them", overviews)

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"GeoTIFF({str(self.path)!r})"


def is_geotiff(path: PathLike) -> bool:
    """Whether the name is that of a GeoTIFF."""
    return pathlib.Path(path).suffix.lower() in GEOTIFFS
