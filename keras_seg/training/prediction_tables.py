"""Tables of predicted masks: the area of each class, or the place and size of each object."""

import csv
import io
import pathlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_seg import _files
from keras_seg._text import read_text
from keras_seg._validation import InputError
from keras_seg.training.predicted_masks import PredictedMask

AREAS, OBJECTS = "areas.csv", "objects.csv"
_AREA_ROW = ("image", "class_id", "class", "pixels", "share")
_OBJECT_ROW = ("image", "object", "left", "top", "width", "height", "pixels")
# Bytes of a table that are read.
_LARGEST = 10**10


def check_tables(out: pathlib.Path, names: Sequence[str] | None) -> None:
    """Fail where the table of predictions cannot be added to the one that is there, before anything is predicted.

    Args:
        out: folder of the table.
        names: one per class; None for masks of object numbers.

    Raises:
        InputError: the file is another table, or cannot be read.
    """
    if names is None:
        _kept(out / OBJECTS, _OBJECT_ROW)
    else:
        _kept(out / AREAS, _AREA_ROW)


def write_areas(masks: Sequence[PredictedMask], out: pathlib.Path, names: Sequence[str]) -> pathlib.Path:
    """Write `areas.csv`: a row for each image and class, with its pixels and their share of the image.

    Args:
        masks: the predicted masks, which hold class ids.
        out: folder of the table. Rows that it has of other images are kept.
        names: one per class.
    """

    def rows(mask: PredictedMask) -> Iterator[tuple]:
        counts, pixels = mask.class_pixels(names)
        shares = counts / max(pixels, 1)  # A raster may hold no data at all.
        for id_, name in enumerate(names):
            yield _image(mask), id_, name, int(counts[id_]), f"{shares[id_]:.6f}"

    return _write(out / AREAS, _AREA_ROW, {_image(mask): list(rows(mask)) for mask in masks})


def write_objects(masks: Sequence[PredictedMask], out: pathlib.Path) -> pathlib.Path:
    """Write `objects.csv`: a row for each object, with the box around it and its pixels.

    Args:
        masks: the predicted masks, which hold object numbers.
        out: folder of the table. Rows that it has of other images are kept.
    """

    def rows(mask: PredictedMask) -> Iterator[tuple]:
        ids = mask.labels()
        ys, xs = np.nonzero(ids)
        found, place, counts = np.unique(ids[ys, xs], return_inverse=True, return_counts=True)
        low, high = np.full((len(found), 2), max(ids.shape)), np.zeros((len(found), 2), int)
        np.minimum.at(low, place, np.stack([xs, ys], axis=1))
        np.maximum.at(high, place, np.stack([xs, ys], axis=1) + 1)
        for number, first, size, pixels in zip(found, low, high - low, counts, strict=True):
            yield _image(mask), int(number), *map(int, (*first, *size, pixels))

    return _write(out / OBJECTS, _OBJECT_ROW, {_image(mask): list(rows(mask)) for mask in masks})


def _image(mask: PredictedMask) -> str:
    """The image of a mask, with escapes for bytes of its name that are not UTF-8, in which tables are read again."""
    return mask.name.encode("utf-8", "backslashreplace").decode()


def _write(path: pathlib.Path, heading: tuple[str, ...], rows: dict[str, list[tuple]]) -> pathlib.Path:
    kept = _kept(path, heading)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    for _, of_image in sorted((kept | rows).items()):
        writer.writerows(of_image)
    _files.write_text(path, text.getvalue())
    return path


def _kept(path: pathlib.Path, heading: tuple[str, ...]) -> dict[str, list[Any]]:
    """The rows of an earlier table, by image. A program for tables may have added a byte order mark and empty rows."""
    if not path.exists():
        return {}
    text = read_text(path, largest=_LARGEST)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(row)]
    except csv.Error as error:
        raise InputError(f"{path}: is no table ({error}). Move it, or choose another folder.") from error
    if rows and tuple(rows[0]) != heading:
        raise InputError(
            f"{path}: is another table, whose columns are not {', '.join(heading)}. Move it, or choose another folder."
        )
    kept: dict[str, list[Any]] = {}
    for row in rows[1:]:
        kept.setdefault(row[0], []).append(row)
    return kept
