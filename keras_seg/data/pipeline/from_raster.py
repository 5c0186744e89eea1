"""Batches of crops from georeferenced rasters."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from keras_seg import _validation
from keras_seg._types import IgnoreClass, PathLike, Size, Tensor
from keras_seg._validation import InputError
from keras_seg.data.index.label_encoding import as_label_map
from keras_seg.data.pipeline.batches import Augment, BatchSettings, ExampleOrder, batches
from keras_seg.data.pipeline.raster_pair import RasterPair
from keras_seg.data.pipeline.raster_sampler import RasterSampler

if TYPE_CHECKING:
    import tensorflow as tf


def from_raster(
    images: PathLike | Sequence[PathLike],
    labels: PathLike | Sequence[PathLike],
    *,
    num_classes: int | None = None,
    ignore_class: IgnoreClass = 255,
    label_map: Mapping[int, int] | None = None,
    channels: int = 3,
    batch_size: int = 8,
    augment: Augment | None = None,
    seed: int = 0,
    repeat: bool = False,
    first_epoch: int = 0,
    steps_per_epoch: int | None = None,
    workers: int | None = None,
    crop: Size = 512,
    bounds: tuple[float, float, float, float] | None = None,
    balanced: bool = False,
) -> tf.data.Dataset:
    """A `tf.data.Dataset` of crops from large rasters and the rasters of their labels, for `model.fit`.

    Crops are read from windows of the files, so rasters may be larger than memory and need not be cut into tiles. Each
    is drawn by a labeled pixel: any with equal probability, or, if `balanced`, one of each class in turn. They are a
    function of (seed, epoch, position): the same arguments give the same crops, and every epoch has different ones.

    Labels may cover another area than their image, and crops come from where both are. Their pixels must coincide.
    Pixels where the image or the labels hold no data get the label `ignore_class`, and are 0 in the image, as they are
    in `TiledPredictor.predict`. The labels are read once at the beginning, to check and count them.

    Other arguments: see `from_folder`.

    Args:
        images: path, or sequence of paths, of GeoTIFF or .vrt files. Values are read as by `read_image`: uint8 and
            floats as they are, uint16 scaled from 0..65535 to 0..255.
        labels: path, or sequence of as many paths in the same order, of rasters with one band of integers.
        num_classes: int >= 2. Number of classes. Defaults to None: the largest id plus one, for ids that count up from
            0; a large one among few others, such as 65535, is refused.
        ignore_class: int or sequence of int. Labels of pixels without a class; the first is that of pixels without
            data. Defaults to 255.
        label_map: dict from every value of the labels, except for ignored ones, to its id. Defaults to None.
        channels: int. Channels of the images; a transparency band is not one of 3. Defaults to 3.
        steps_per_epoch: int >= 1. Batches per epoch. Defaults to None: as many as have the labeled area.
        workers: int >= 1. Crops read and augmented in parallel. Defaults to None: tf.data chooses.
        crop: int or (height, width) in pixels. Size of the crops before augmentation. Defaults to 512.
        bounds: (left, bottom, right, top) in the units of the CRS, which all images must share. Crops lie within them,
            for parts of a map to train and to validate on. Defaults to None, for everything.
        balanced: bool. Whether classes take turns as the class of the pixel that a crop is drawn by, so that rare ones
            are seen as often as others. Classes without pixels are skipped. Defaults to False.

    Returns:
        `tf.data.Dataset` of (image, mask): float32 (batch, height, width, channels) in 0..255 and int32 (batch, height,
        width).

    Raises:
        InputError: A file or an argument cannot be used, or an image and its labels do not fit together: another CRS,
            resolution or grid, or no overlap. The message has the command of rasterio that corrects it.
        ImportError: rasterio or TensorFlow is missing: `pip install "keras-seg[geo,tensorflow]"`.

    Examples:
        >>> import numpy as np, rasterio, tempfile
        >>> place = {"crs": "EPSG:32633", "transform": rasterio.transform.from_origin(5e5, 54e5, 10, 10)}
        >>> def write(path, bands):
        ...     sizes = dict(zip(("count", "height", "width"), bands.shape))
        ...     with rasterio.open(path, "w", driver="GTiff", dtype="uint8", **sizes, **place) as file:
        ...         file.write(bands)
        ...     return path
        >>> rng = np.random.default_rng(0)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     scene = write(f"{folder}/scene.tif", rng.integers(0, 256, (3, 200, 300), "uint8"))
        ...     labels = write(f"{folder}/labels.tif", rng.integers(0, 4, (1, 200, 300), "uint8"))
        ...     dataset = from_raster(scene, labels, crop=64, batch_size=4, balanced=True)
        ...     images, masks = next(iter(dataset))
        >>> images.shape, masks.shape
        (TensorShape([4, 64, 64, 3]), TensorShape([4, 64, 64]))
    """
    tf = _validation.optional_import("tensorflow", "tensorflow", "`from_raster` (tf.data)")
    _validation.boolean("balanced", balanced)
    size = _validation.pair("crop", crop)
    if num_classes is not None:
        _validation.integer("num_classes", num_classes, 2)
    ignored = _ordered(ignore_class)
    mapped = as_label_map(label_map or {})
    settings = BatchSettings(augment=augment, workers=workers)
    # Refuses its arguments before any label is read.
    order = ExampleOrder(
        count=1, batch_size=batch_size, seed=seed, repeat=repeat, first_epoch=first_epoch,
        steps_per_epoch=steps_per_epoch,
    )  # fmt: skip
    pairs = [
        RasterPair(
            image,
            label,
            channels=_validation.integer("channels", channels),
            ignored=ignored,
            label_map=mapped,
            bounds=_bounds(bounds),
        )
        for image, label in _paired(images, labels)
    ]
    _check_one_crs(pairs, bounds)
    sampler = RasterSampler(
        pairs,
        size,
        num_classes=num_classes or (max(mapped.values()) + 1 if mapped else None),
        ignored=ignored,
        balanced=balanced,
    )
    steps = steps_per_epoch or -(-int(sampler.counts.sum()) // (size[0] * size[1] * batch_size))
    order = dataclasses.replace(order, count=steps * batch_size, steps_per_epoch=steps)
    types = (tf.as_dtype(sampler.image_dtype), tf.int32)

    def once(_: Tensor) -> tf.data.Dataset:
        return tf.data.Dataset.range(order.count)

    def load(drawn: Tensor) -> tuple[Tensor, Tensor]:
        image, mask = tf.numpy_function(sampler.draw, drawn, types, stateful=False)
        image.set_shape((*size, channels))
        mask.set_shape(size)
        return image, mask

    # A crop is drawn with the seed of its example.
    drawn = order.epochs(once).map(lambda key, position: (key, (key, position)))
    return batches(drawn, load, order, settings)


def _ordered(ignore_class: IgnoreClass) -> tuple[int, ...]:
    """The ignored labels, that of pixels without data first."""
    ignored = _validation.ignored_classes(ignore_class)
    if len(ignored) < 2:
        return ignored
    first = next(iter(ignore_class))  # pyright: ignore[reportArgumentType, reportCallIssue] several are a sequence
    return (int(first), *(label for label in ignored if label != first))


def _paired(
    images: PathLike | Sequence[PathLike], labels: PathLike | Sequence[PathLike]
) -> list[tuple[PathLike, PathLike]]:
    lists = {}
    for name, given in (("images", images), ("labels", labels)):
        paths = [given] if isinstance(given, (str, os.PathLike)) else given
        if not isinstance(paths, Sequence) or not all(isinstance(path, (str, os.PathLike)) for path in paths):
            _validation.fail(name, "must be a path or a sequence of paths", given)
        if not paths:
            _validation.fail(name, "must name at least one file", given)
        lists[name] = list(paths)
    if len(lists["images"]) != len(lists["labels"]):
        count = len(lists["images"])
        _validation.fail("labels", f"must name one file for each of the {count} images", len(lists["labels"]))
    return list(zip(lists["images"], lists["labels"], strict=True))


def _bounds(bounds: tuple[float, float, float, float] | None) -> tuple[float, float, float, float] | None:
    if bounds is None:
        return None
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 4:
        _validation.fail("bounds", "must be None or (left, bottom, right, top)", bounds)
    left, bottom, right, top = (_validation.number("bounds", value) for value in bounds)
    if left >= right or bottom >= top:
        _validation.fail("bounds", "must be (left, bottom, right, top), with left < right and bottom < top", bounds)
    return left, bottom, right, top


def _check_one_crs(pairs: Sequence[RasterPair], bounds: tuple[float, float, float, float] | None) -> None:
    """Bounds mean a place in one CRS only."""
    first = pairs[0].image
    for pair in pairs[1:]:
        if bounds is not None and pair.image.crs != first.crs:
            raise InputError(
                f"{pair.image.path}: is in another CRS than {first.path}, so that `bounds` cannot be a place in both. "
                "Call from_raster for each CRS, or leave `bounds` out."
            )
