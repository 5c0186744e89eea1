"""The regions of Label Studio: brush strokes, and polygons, boxes and ellipses in percent of the image."""

import dataclasses
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.brush_runs import brush_stamp
from keras_seg.data.conversion.labeled_image import is_number
from keras_seg.data.conversion.polygons import ellipse_stamp, polygon_points, polygon_stamp, rectangle
from keras_seg.data.conversion.stamp import Stamp


@dataclasses.dataclass(frozen=True, kw_only=True)
class Region:
    """One region of an image.

    Args:
        label: str. Its class.
        no_area: str. The type of a region that covers no pixels, or "".
        kind: "brush", "polygon", "ellipse" or "rectangle".
        value: dict. Its geometry.
        size: (height, width) as the file has them, not checked.
        where: str. The record, for error messages.
    """

    label: str
    no_area: str
    kind: str
    value: dict[str, Any]
    size: tuple[Any, Any]
    where: str


def regions_of(results: list[Any], where: str) -> Iterator[Region]:
    """The regions in the results of an annotation. Choices, texts and relations are none."""
    values: dict[Any, dict[str, Any]] = {}
    for number, row in enumerate(results, 1):
        if not isinstance(row, dict):
            raise InputError(f"{where}: result {number} is not an object. Export the project again.")
        value = row.get("value")
        if isinstance(value, dict):
            # The tool and the label of one region may be two results of the same id.
            id_ = row["id"] if isinstance(row.get("id"), str) else number
            values.setdefault(id_, {"number": number}).update({**row, **value})
    for value in values.values():
        record = f"{where}: region {value['number']}"
        kind, no_area = _kind(value, record)
        if not kind and not no_area:
            continue
        if value.get("image_rotation") not in (None, 0):
            raise InputError(
                f"{record}: was drawn on an image that was turned in Label Studio. Save the image turned, and label it "
                "again."
            )
        label = "" if no_area else _label(value, record)
        size = value.get("original_height"), value.get("original_width")
        yield Region(label=label, no_area=no_area, kind=kind, value=value, size=size, where=record)


def _kind(value: dict[str, Any], where: str) -> tuple[str, str]:
    """(kind of a region that covers pixels, kind of one that does not); empty for what is no region."""
    if "rle" in value:
        return "brush", ""
    if "points" in value:
        return ("", "open polygon") if value.get("closed") is False else ("polygon", "")
    if "radiusX" in value:
        return "ellipse", ""
    if {"x", "y", "width", "height"} <= value.keys():
        return "rectangle", ""
    if {"x", "y"} <= value.keys():
        return "", "keypoint"
    if any(key.endswith("labels") for key in value):
        raise InputError(
            f"{where}: the type {value.get('type')!r} is not read. Draw it as a polygon or with the brush."
        )
    return "", ""


def _label(value: dict[str, Any], where: str) -> str:
    lists = [value[key] for key in value if key.endswith("labels") and isinstance(value[key], list)]
    labels = sorted({str(name).strip() for names in lists for name in names} - {""})
    if len(labels) != 1:
        fix = "Give it one label, or delete it." if not labels else "Keep one: a mask holds one class per pixel."
        raise InputError(f"{where}: has {len(labels) or 'no'} label{'s' if labels else ''}. {fix}")
    return labels[0]


def region_stamp(region: Region, height: int, width: int) -> Stamp:
    """The pixels of a region."""
    value, where = region.value, region.where
    if region.kind == "brush":
        return brush_stamp(value["rle"], height, width, where=where)
    scale = np.array([width, height]) / 100
    if region.kind == "polygon":
        return polygon_stamp([polygon_points(value["points"], where) * scale], height, width, where=where)
    turn = _number(value, "rotation", where, default=0.0)
    corner = np.array([_number(value, "x", where), _number(value, "y", where)]) * scale
    if region.kind == "ellipse":
        radii = np.array([_number(value, "radiusX", where), _number(value, "radiusY", where)]) * scale
        x, y = corner.tolist()
        across, down = radii.tolist()
        return ellipse_stamp((x, y), (across, down), height, width, degrees=turn)
    across, down = np.array([_number(value, "width", where), _number(value, "height", where)]) * scale
    # Clockwise around the upper left corner, as y points down.
    cosine, sine = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    turned = rectangle(0, 0, across, down) @ np.array([[cosine, sine], [-sine, cosine]])
    return polygon_stamp([turned + corner], height, width, where=where)


def _number(value: dict[str, Any], key: str, where: str, *, default: float | None = None) -> float:
    number = value.get(key, default)
    if not is_number(number):
        raise InputError(f"{where}: {key} is {str(number)[:40]}, and must be a number. Export the project again.")
    return float(number)
