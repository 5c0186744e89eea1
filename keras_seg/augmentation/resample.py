"""The geometry of an augmentation: every map of a batch read once, at one field of points."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from keras_seg import _validation
from keras_seg._types import Tensor
from keras_seg.augmentation.geometry import sampling
from keras_seg.augmentation.geometry.elastic import Elastic
from keras_seg.augmentation.geometry.field import plan_field, sampling_points
from keras_seg.augmentation.geometry.step import GeometricStep
from keras_seg.augmentation.inputs import TYPES
from keras_seg.augmentation.namespace import Namespace
from keras_seg.augmentation.photometric.step import Stage, has_eight_bits, mean_color, value_limits
from keras_seg.augmentation.random_crop import centered

if TYPE_CHECKING:
    from keras_seg.augmentation.augmentation import Augmentation


def resample(
    ops: Namespace,
    batch: dict[str, Tensor],
    augmentation: "Augmentation",
    *,
    steps: Sequence[tuple[GeometricStep, Tensor]],
    crop_draws: Tensor | None,
    one: Tensor,
    stage: Stage,
) -> tuple[dict[str, Tensor], Tensor]:
    """The maps of a batch after all geometry, and the mean color of the images before it.

    Args:
        ops: the namespace to compute with.
        batch: see `Augmentation._apply`.
        augmentation: for the crop, the fill, the interpolation and the `ignore_class`.
        steps: each with its draws.
        crop_draws: of the `RandomCrop`, or None.
        one: any float32 tensor (batch,), for the number of images.
        stage: runs one stage of the computation.
    """
    size = ops.shape(batch["image"])[1:3]
    fill = augmentation.fill
    if fill is None:
        fill = "mean" if augmentation.ignore_class else "reflect"
    mask = ops.cast(batch["mask"][..., 0], "int32") if "mask" in batch else None
    field = functools.partial(
        _field, ops, augmentation, steps=steps, crop_draws=crop_draws, one=one, size=size, mask=mask
    )
    # A field that is costly to compute is computed once, and not for each map that is read there.
    costly = any(isinstance(step, Elastic) for step, _ in steps)
    computed = stage(field) if costly else None

    def read() -> tuple[dict[str, Tensor], Tensor]:
        x, y = computed or field()
        points = sampling.Points.at(ops, x, y, size=size, reflect=fill == "reflect")
        mean = mean_color(ops, batch["image"])
        labels = {key: x for key, x in batch.items() if key != "image"}
        image = _read_image(
            ops,
            batch["image"],
            points,
            fill=mean[:, None, None] if fill == "mean" else fill,
            interpolation=augmentation.interpolation,
            exact=all(step._whole_pixels for step, _ in steps),
        )
        return {"image": image, **_read_labels(ops, labels, points, augmentation.ignore_class)}, mean

    return stage(read)


def _field(
    ops: Namespace,
    augmentation: "Augmentation",
    *,
    steps: Sequence[tuple[GeometricStep, Tensor]],
    crop_draws: Tensor | None,
    one: Tensor,
    size: tuple[Any, Any],
    mask: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """Where each pixel of the result is read."""
    target = augmentation.crop or size
    moves, draws = [step for step, _ in steps], [own for _, own in steps]
    parts, frame = plan_field(ops, moves, draws, one=one, size=size, target=target)
    if augmentation.random_crop:
        corner = augmentation.random_crop._corner(ops, crop_draws, frame, parts=parts, mask=mask)
    else:
        corner = (
            centered(ops, frame.width - ops.cast(target[1], "float32")),
            centered(ops, frame.height - ops.cast(target[0], "float32")),
        )
    return sampling_points(
        ops,
        parts,
        projective=any(step._projective for step in moves),
        keeps_axes=all(step._keeps_axes for step in moves),
        frame=frame,
        corner=corner,
        size=size,
    )


def _read_image(
    ops: Namespace, image: Tensor, points: sampling.Points, *, fill: Any, interpolation: str, exact: bool
) -> Tensor:
    """The images at the points; `exact` where these are pixel centers."""
    filled = not isinstance(fill, str)
    inside = points.inside(ops)
    across, down = (known[..., None] for known in inside)
    if interpolation == "bilinear" and not exact:
        result = sampling.linear(ops, image, points, inside=inside if filled else None)
    else:
        if exact:
            result = ops.cast(sampling.nearest(ops, image, points), "float32")
        else:  # Cubic weights reach beyond the values around a point.
            limits = value_limits(ops, image, eight_bits=has_eight_bits(image))
            result = ops.clip(sampling.cubic(ops, image, points), *limits)
        result = result * (across * down) if filled else result
    return ops.filled(result, across, down, fill) if filled else result


def _read_labels(
    ops: Namespace, labels: dict[str, Tensor], points: sampling.Points, ignore_class: Sequence[int]
) -> dict[str, Tensor]:
    """The maps that belong to the image, at the points."""
    moved = {key: ops.cast(sampling.nearest(ops, x, points), TYPES[key]) for key, x in labels.items()}
    if not ignore_class:
        return moved
    outside = points.outside(ops)[..., None]
    voids = {"mask": ignore_class[0], "weight": 0.0, "instances": 0}
    return {key: ops.where(outside, voids[key], x) for key, x in moved.items()}


def check_frame(
    augmentation: "Augmentation", steps: Sequence[GeometricStep], *, size: tuple[int | None, int | None]
) -> None:
    """Refuse geometry that leaves pixels of the mask without a label, for images of a size and no `ignore_class`."""
    fill, crop, (height, width) = augmentation.fill, augmentation.crop, size
    if all(step._stays_inside for step in steps):
        if crop is None or fill in ("reflect", "border") or any(step._covers_crop for step in steps):
            return
        if crop[0] > (height or 1e9) or crop[1] > (width or 1e9):
            rule = f"is larger than the image, {height}x{width}, and the mask has no label for pixels outside"
            _validation.fail("crop", rule, crop, 'Pass ignore_class, a smaller crop, or fill="reflect".')
    elif fill not in (None, "reflect", "border"):
        rule = "leaves the mask without a label outside the frame where ignore_class is None"
        _validation.fail("fill", rule, fill, 'Pass ignore_class, or fill="reflect".')
