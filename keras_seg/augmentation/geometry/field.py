"""All geometry of an augmentation as one field of sampling points."""

from collections.abc import Sequence
from typing import Any, cast

from keras_seg._types import Tensor
from keras_seg.augmentation.geometry.step import Frame, GeometricStep, PointMap, matrix_of, product
from keras_seg.augmentation.namespace import Namespace


def plan_field(
    ops: Namespace,
    steps: Sequence[GeometricStep],
    draws: Sequence[Tensor],
    *,
    one: Tensor,
    size: tuple[Any, Any],
    target: tuple[Any, Any],
) -> tuple[list[PointMap], Frame]:
    """Plan the path from points of the result to points of the input.

    Args:
        ops: the namespace to compute with.
        steps: `GeometricStep`s, in the order they are applied in.
        draws: their draws, one tensor per step.
        one: any float32 tensor (batch,), for the number of images.
        size: (height, width) of the images.
        target: (height, width) of the result.

    Returns:
        The parts of the path, each a matrix (batch, 3, 3) or a function of points, those next to the result first, with
        adjacent matrices multiplied; and the `Frame` of the transformed pictures, which the result is cut from.
    """
    height, width = (ops.cast(ops.convert_to_tensor(side), "float32") for side in size)
    frame = Frame(width + 0.0 * one, height + 0.0 * one, target)
    parts = []
    for step, own in zip(steps, draws, strict=True):
        part, frame = step._plan(ops, own, frame)
        if not callable(part) and parts and not callable(parts[-1]):
            part = product(ops, parts.pop(), part)
        parts.append(part)
    return parts[::-1], frame


def sampling_points(
    ops: Namespace,
    parts: Sequence[PointMap],
    *,
    projective: bool,
    keeps_axes: bool,
    frame: Frame,
    corner: tuple[Tensor, Tensor],
    size: tuple[Any, Any],
) -> tuple[Tensor, Tensor]:
    """Where each pixel of the result is read.

    Args:
        ops: the namespace to compute with.
        parts: of the path, as `plan_field` returns them.
        projective: whether some matrix divides.
        keeps_axes: whether rows of the input are rows of the result, and columns columns.
        frame: the `Frame` of the transformed pictures.
        corner: (left, top) of the result in the transformed picture, float32 (batch,) each.
        size: (height, width) of the input.

    Returns:
        x and y in the input, float32 (batch, height, width), or (batch, 1, width) and (batch, height, 1) where each
        depends on one axis only. Its pixels cover [0, 1], [1, 2], ...
    """
    height, width = frame.target
    left, top = corner
    # In this order all numbers are whole or halves, so that a crop alone copies pixels.
    x = (ops.cast(ops.arange(width, dtype="int32"), "float32") + 0.5)[None, None, :]
    y = (ops.cast(ops.arange(height, dtype="int32"), "float32") + 0.5)[None, :, None]
    x = x + (left - frame.width / 2.0)[:, None, None]
    y = y + (top - frame.height / 2.0)[:, None, None]
    for part in parts:
        if callable(part):
            x, y = cast(Any, part)(x, y)
        else:
            matrix = part[:, :, :, None, None]
            if keeps_axes:
                x, y = matrix[:, 0, 0] * x + matrix[:, 0, 2], matrix[:, 1, 1] * y + matrix[:, 1, 2]
            else:
                x, y = _through(ops, matrix, x, y=y, projective=projective)
    return x + ops.cast(size[1], "float32") / 2.0, y + ops.cast(size[0], "float32") / 2.0


def _through(ops: Namespace, matrix: Tensor, x: Tensor, *, y: Tensor, projective: bool) -> tuple[Tensor, Tensor]:
    """Points mapped by a matrix."""
    new_x = matrix[:, 0, 0] * x + matrix[:, 0, 1] * y + matrix[:, 0, 2]
    new_y = matrix[:, 1, 0] * x + matrix[:, 1, 1] * y + matrix[:, 1, 2]
    if not projective:
        return new_x, new_y
    divisor = matrix[:, 2, 0] * x + matrix[:, 2, 1] * y + matrix[:, 2, 2]
    # Nothing lies behind the horizon: its points go far outside.
    divisor = ops.maximum(divisor, 1e-3)
    return new_x / divisor, new_y / divisor


def forwards(ops: Namespace, parts: Sequence[PointMap], x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Where a point of the input lies in the result, by the matrices of the path alone.

    Displacements are ignored: they have no inverse in closed form, and a crop need not contain its point exactly in
    place.
    """
    whole = matrix_of(ops, ((1, 0, 0), (0, 1, 0), (0, 0, 1)))
    for part in parts:
        if not callable(part):
            whole = product(ops, part, whole)
    (a, b, c), (d, e, f), (g, h, i) = ([whole[:, row, column] for column in range(3)] for row in range(3))
    # The adjugate: the inverse up to a factor, which the division takes out.
    new_x = (e * i - f * h) * x + (c * h - b * i) * y + (b * f - c * e)
    new_y = (f * g - d * i) * x + (a * i - c * g) * y + (c * d - a * f)
    divisor = (d * h - e * g) * x + (b * g - a * h) * y + (a * e - b * d)
    divisor = ops.where(ops.abs(divisor) > 1e-6, divisor, 1e-6)
    return new_x / divisor, new_y / divisor
