"""A raster image and the raster of its labels, on one grid of pixels."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_seg._decoding.geo_raster import GeoRaster, transformed
from keras_seg._decoding.value_range import check_dtype, to_255
from keras_seg._types import PathLike
from keras_seg._validation import InputError

# Of a pixel: how far grids may lie apart, and drift apart over a raster. Coordinates are floats, and files round them.
_TOLERANCE, _DRIFT = 0.01, 0.1
# Values that a label map does not list are kept for the message, far from all labels.
_UNLISTED = 2**40


@dataclasses.dataclass(frozen=True)
class PixelBox:
    """A rectangle of pixels: rows `top` to `bottom` and columns `left` to `right`, ends not included."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left


class RasterPair:
    """An image and its labels. All rows and columns are those of the image.

    Args:
        image: path of the image.
        labels: path of the labels, one band of integers. Their extent may be another, their grid may not.
        channels: int, those that the image must have.
        ignored: tuple of int, labels that are no classes; the first is that of pixels without data.
        label_map: dict from the values of the labels to ids; empty for values that are their ids.
        bounds: (left, bottom, right, top) in the image's CRS, of what may be read; None for all.

    Attributes:
        box: `PixelBox`, the part of the image that has labels and lies within the bounds.

    Raises:
        InputError: a file cannot be used, or the two do not fit together.
    """

    def __init__(
        self,
        image: PathLike,
        labels: PathLike,
        *,
        channels: int,
        ignored: tuple[int, ...],
        label_map: Mapping[int, int],
        bounds: tuple[float, float, float, float] | None,
    ) -> None:
        self.image, self.labels = GeoRaster(image, channels), _label_raster(labels)
        self.image.check_values()
        check_dtype(self.image.path, self.image.dtype)
        self._ignored, self._label_map = ignored, dict(label_map)
        for raster in (self.image, self.labels):
            if raster.has_nodata and not ignored:
                raise InputError(
                    f"{raster.path}: marks pixels without data, which need a label. Pass `ignore_class`, such as 255."
                )
        # Rows and columns of the image at the first pixel of the labels.
        self._offset = _offset(self.image, self.labels)
        self.box = self._common(bounds)

    def read_labels(self, box: PixelBox) -> np.ndarray:
        """The labels of a window, int64 (height, width); the ignored one where they, or the image, hold no data."""
        top, left = self._offset
        place = box.top - top, box.bottom - top, box.left - left, box.right - left
        stored = self.labels[place[0] : place[1], place[2] : place[3]][..., 0].astype("int64")
        labels = self._mapped(stored) if self._label_map else stored
        for valid in (
            self.labels.valid(*place),
            self.image.valid(box.top, box.bottom, box.left, box.right),
        ):
            if valid is not None:
                labels[~valid] = self._ignored[0]
        return labels

    def read_image(self, box: PixelBox) -> np.ndarray:
        """The image in a window, (height, width, channels) in 0..255: uint8, or float32 for 16 bits and floats."""
        return to_255(self.image.path, self.image[box.top : box.bottom, box.left : box.right])

    @staticmethod
    def stored_value(label: int) -> int:
        """The value in the file of a label that is neither a class nor ignored."""
        return label - _UNLISTED if label > _UNLISTED // 2 else label

    def _mapped(self, stored: np.ndarray) -> np.ndarray:
        values, places = np.unique(stored, return_inverse=True)
        kept = [value if value in self._ignored else _UNLISTED + value for value in values.tolist()]
        ids = [self._label_map.get(value, other) for value, other in zip(values.tolist(), kept, strict=True)]
        return np.asarray(ids, "int64")[places].reshape(stored.shape)

    def _common(self, bounds: tuple[float, float, float, float] | None) -> PixelBox:
        top, left = self._offset
        boxes = [
            PixelBox(0, self.image.shape[0], 0, self.image.shape[1]),
            PixelBox(top, top + self.labels.shape[0], left, left + self.labels.shape[1]),
        ]
        common = _intersection(boxes)
        if common is None:
            raise InputError(
                f"{self.labels.path}: does not overlap {self.image.path}. It covers {_extent(self.labels)}, and the "
                f"image {_extent(self.image)}. Check which labels belong to which image."
            )
        if bounds is None:
            return common
        within = _intersection([common, _box_of(self.image, bounds)])
        if within is None:
            raise InputError(
                f"`bounds` must overlap {self.image.path} and its labels, which cover {_extent(self.image)}. Received: "
                f"bounds={bounds}. They are (left, bottom, right, top) in the units of the CRS."
            )
        return within


def _label_raster(path: PathLike) -> GeoRaster:
    raster = GeoRaster(path)
    if raster.shape[2] != 1:
        fix = f"Keep the band of the labels: gdal_translate -b 1 {raster.path.name} labels.vrt, and pass labels.vrt."
        raise InputError(f"{raster.path}: has {raster.shape[2]} bands, and labels are one. {fix}")
    if raster.dtype.kind not in "iu":
        fix = "Write the class ids as integers: gdal_translate -ot Byte."
        raise InputError(f"{raster.path}: holds {raster.dtype}, and labels are integers. {fix}")
    return raster


def _offset(image: GeoRaster, labels: GeoRaster) -> tuple[int, int]:
    """The row and column of the image at which the labels begin; refuses labels on another grid."""
    _check_crs(image, labels)
    align = _alignment(image, labels)
    a, b = image.transform, labels.transform
    sides, others = np.array([(t.a, t.b, t.d, t.e) for t in (a, b)])
    # How far the last pixels of the longer side lie apart.
    drift = np.abs(sides - others).max() / np.abs(sides).max() * max(*image.shape[:2], *labels.shape[:2])
    if drift > _DRIFT:
        raise InputError(
            f"{labels.path}: has pixels of {_pixel(labels)}, and {image.path} of {_pixel(image)}. Bring the labels to "
            f"the grid of the image: {align}."
        )
    left, top = transformed(~a, np.array([[b.c, b.f]]))[0].tolist()
    if max(abs(left - round(left)), abs(top - round(top))) > _TOLERANCE:
        raise InputError(
            f"{labels.path}: its pixels lie between those of {image.path}, {left % 1:.2f} to the right and "
            f"{top % 1:.2f} down. Bring the labels to the grid of the image: {align}."
        )
    return round(top), round(left)


def _alignment(image: GeoRaster, labels: GeoRaster) -> str:
    """The command of rasterio that brings labels to the grid of the image."""
    return f"rio warp {labels.path.name} aligned.tif --like {image.path.name} --resampling nearest"


def _check_crs(image: GeoRaster, labels: GeoRaster) -> None:
    for raster in (image, labels):
        raster.check_grid()
    if image.crs == labels.crs:
        if image.crs is None and image.shape[:2] != labels.shape[:2] and image.transform == labels.transform:
            raise InputError(
                f"{labels.path}: has {_size(labels)} pixels, {image.path} {_size(image)}, and neither has a place on "
                "the map that says which belong together. Give both a CRS and a transform: rio edit-info."
            )
        return
    for raster, other in ((image, labels), (labels, image)):
        if raster.crs is None:
            raise InputError(
                f"{raster.path}: has no CRS, and {other.path} has {_name(other.crs)}. If it is in the same, write "
                f"that: rio edit-info --crs {_name(other.crs)} {raster.path.name}."
            )
    raise InputError(
        f"{labels.path}: is in {_name(labels.crs)}, and {image.path} in {_name(image.crs)}. Bring the labels to the "
        f"grid of the image: {_alignment(image, labels)}."
    )


def _box_of(raster: GeoRaster, bounds: tuple[float, float, float, float]) -> PixelBox:
    """The pixels that lie wholly within bounds."""
    transform = raster.transform
    if transform.b or transform.d:
        raise InputError(
            f"{raster.path}: is rotated, so that `bounds` are no rectangle of its pixels. Leave `bounds` out, or warp "
            "image and labels: rio warp."
        )
    left, bottom, right, top = bounds
    corners = transformed(~transform, np.array([(left, top), (right, bottom)]))
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    first = [int(np.ceil(value - _TOLERANCE)) for value in (y0, x0)]
    last = [int(np.floor(value + _TOLERANCE)) for value in (y1, x1)]
    return PixelBox(first[0], last[0], first[1], last[1])


def _intersection(boxes: list[PixelBox]) -> PixelBox | None:
    top, left = max(box.top for box in boxes), max(box.left for box in boxes)
    bottom, right = min(box.bottom for box in boxes), min(box.right for box in boxes)
    return PixelBox(top, bottom, left, right) if top < bottom and left < right else None


def _size(raster: GeoRaster) -> str:
    return f"{raster.shape[0]}x{raster.shape[1]}"


def _pixel(raster: GeoRaster) -> str:
    transform = raster.transform
    turned = ", rotated" if transform.b or transform.d else ""
    return f"{transform.a:g} x {transform.e:g}{turned}"


def _extent(raster: GeoRaster) -> str:
    left, bottom, right, top = raster.bounds
    return f"{left:.10g} to {right:.10g} and {bottom:.10g} to {top:.10g}"


def _name(crs: Any) -> str:
    """The code of a CRS where it has one: "EPSG:32633"."""
    return crs.to_string() if crs.to_epsg() else f"a CRS without a code ({' '.join(crs.to_wkt().split())[:60]}...)"
