"""The pixels inside an outline.

A pixel belongs to a polygon if its center lies inside it. Corners are first rounded to a fifth of a pixel, and a
polygon that crosses itself is filled by the even-odd rule. This is what pycocotools does (`rleFrPoly` in its
maskApi.c), pixel for pixel. Coordinates count from the upper left corner of the image, so the center of the first
pixel is (0.5, 0.5).
"""

from collections.abc import Sequence

import numpy as np

from keras_seg._validation import InputError
from keras_seg.data.conversion.stamp import Stamp

_SCALE = 5
# Fifths of a pixel along an outline: a coordinate of 10^12 must not fill the memory.
_MAX_STEPS = 20_000_000
# Coordinates are rounded: an outline on the border of the image is not cut.
_TOLERANCE = 1.0


def polygon_points(values: object, where: str) -> np.ndarray:
    """Points (number, 2) as x, y, from a flat list of numbers or from a list of pairs."""
    try:
        points = np.asarray(values, "float64")
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{where}: the outline holds something other than numbers. Export the labels again."
        ) from error
    if points.ndim == 1 and points.size % 2 == 0:
        points = points.reshape(-1, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"{where}: the outline is not a list of x, y pairs. Export the labels again.")
    if not np.isfinite(points).all():
        raise InputError(f"{where}: the outline holds NaN or infinity. Export the labels again.")
    return points


def rectangle(left: float, top: float, right: float, bottom: float) -> np.ndarray:
    """The corners of a box."""
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], "float64")


def polygon_stamp(
    rings: Sequence[np.ndarray], height: int, width: int, *, holes: Sequence[np.ndarray] = (), where: str = ""
) -> Stamp:
    """The pixels inside any of `rings` and inside none of `holes`."""
    whole = np.concatenate([*rings, np.empty((0, 2))])
    if not whole.size:
        return Stamp(inside=np.zeros((0, 0), bool))
    if np.isnan(whole).any():  # Of infinite numbers: a box that was turned or moved can be larger than a float.
        raise InputError(f"{where}: the outline reaches to infinity. Remove this object, or export the labels again.")
    left, top = whole.min(0)
    right, bottom = whole.max(0)
    cut = bool(min(left, top) < -_TOLERANCE or right > width + _TOLERANCE or bottom > height + _TOLERANCE)
    x0, x1 = (int(np.clip(value, 0, width)) for value in (left - 1, right + 2))
    y0, y1 = (int(np.clip(value, 0, height)) for value in (top - 1, bottom + 2))
    inside = np.zeros((y1 - y0, x1 - x0), bool)
    if inside.size:
        for ring in rings:
            inside |= _filled(ring, (y0, y1), (x0, x1), where)
        for ring in holes:
            inside &= ~_filled(ring, (y0, y1), (x0, x1), where)
    return Stamp(top=y0, left=x0, inside=inside, cut=cut)


def _filled(points: np.ndarray, rows: tuple[int, int], columns: tuple[int, int], where: str) -> np.ndarray:
    """The pixels of a window that lie inside one closed outline."""
    height, width = rows[1] - rows[0], columns[1] - columns[0]
    if len(points) < 3:
        return np.zeros((height, width), bool)
    if np.abs(points).max() > _MAX_STEPS:
        raise InputError(
            f"{where}: the outline reaches to {np.abs(points).max():g} pixels, far outside of its image. "
            "Remove this object, or export the labels again."
        )
    corners = np.trunc(_SCALE * points + 0.5).astype("int64")
    u, v = _boundary(corners, where)
    # Where the outline passes from one column's center to beyond it.
    step = np.flatnonzero(u[1:] != u[:-1]) + 1
    low_u = np.where(u[step] < u[step - 1], u[step], u[step] - 1)
    low_v = np.minimum(v[step], v[step - 1])
    x = (low_u + 0.5) / _SCALE - 0.5
    at_center = np.floor(x) == x
    x = x[at_center].astype("int64")
    y = np.ceil((low_v[at_center] + 0.5) / _SCALE - 0.5).clip(rows[0], rows[1]).astype("int64")
    seen = (x >= columns[0]) & (x < columns[1])
    place = (y[seen] - rows[0]) * width + x[seen] - columns[0]
    crossings = np.bincount(place, minlength=(height + 1) * width)[: height * width].reshape(height, width)
    return crossings.cumsum(0) % 2 == 1


def _boundary(corners: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """All points of the outline, one for each step along the longer side of an edge."""
    start, end = corners, np.roll(corners, -1, axis=0)
    long = np.abs(end - start)
    steps = long.max(1)
    if steps.sum() + len(steps) > _MAX_STEPS:
        raise InputError(
            f"{where}: the outline is {steps.sum() / _SCALE:.0f} pixels long. "
            "Remove this object, or export the labels again."
        )
    wide = long[:, 0] >= long[:, 1]
    main = np.where(wide, 0, 1)
    edges = np.arange(len(corners))
    flip = start[edges, main] > end[edges, main]
    first, last = np.where(flip[:, None], end, start), np.where(flip[:, None], start, end)
    rise = (last - first)[edges, 1 - main] / np.maximum(steps, 1)
    edge = np.repeat(edges, steps + 1)
    offset = np.arange(len(edge)) - np.repeat(np.cumsum(steps + 1) - (steps + 1), steps + 1)
    t = np.where(flip[edge], steps[edge] - offset, offset)
    along = first[edge, main[edge]] + t
    across = np.trunc(first[edge, 1 - main[edge]] + rise[edge] * t + 0.5).astype("int64")
    return np.where(wide[edge], along, across), np.where(wide[edge], across, along)


def ellipse_stamp(
    center: tuple[float, float], radii: tuple[float, float], height: int, width: int, *, degrees: float = 0.0
) -> Stamp:
    """The pixels whose centers lie inside an ellipse; `center` and `radii` are x, y."""
    (x, y), (radius_x, radius_y) = center, radii
    if not np.isfinite([x, y, radius_x, radius_y, degrees]).all() or min(radius_x, radius_y) <= 0:
        return Stamp(inside=np.zeros((0, 0), bool))
    turn = np.deg2rad(degrees)
    half_x = float(np.hypot(radius_x * np.cos(turn), radius_y * np.sin(turn)))
    half_y = float(np.hypot(radius_x * np.sin(turn), radius_y * np.cos(turn)))
    x0, x1 = (int(np.clip(value, 0, width)) for value in (x - half_x - 1, x + half_x + 2))
    y0, y1 = (int(np.clip(value, 0, height)) for value in (y - half_y - 1, y + half_y + 2))
    across = np.arange(x0, x1)[None] + 0.5 - x
    down = np.arange(y0, y1)[:, None] + 0.5 - y
    along = (across * np.cos(turn) + down * np.sin(turn)) / radius_x
    beside = (down * np.cos(turn) - across * np.sin(turn)) / radius_y
    over = max(half_x - x, half_y - y, x + half_x - width, y + half_y - height)
    return Stamp(top=y0, left=x0, inside=along**2 + beside**2 <= 1, cut=over > _TOLERANCE)
