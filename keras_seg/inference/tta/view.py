"""One view of test-time augmentation: the change of the image, and the way back for its score map."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from keras import ops

from keras_seg import _ops, _validation
from keras_seg._types import Tensor
from keras_seg.inference.tta import dihedral
from keras_seg.inference.tta.brightness import Brightness
from keras_seg.inference.tta.scale import Scale
from keras_seg.inference.tta.shift import Shift

_KINDS = "names, Scale, Shift and Brightness"


@dataclasses.dataclass(frozen=True, order=True)
class View:
    """One pass in its canonical form: equal views are equal passes.

    The steps have one order: orientation (flips and turns), brightness, scale, shift. With the orientation first, the
    views of a whole group of orientations make test-time augmentation equivariant under the group, also in combination
    with other steps.

    Attributes:
        shift: (down, right) in pixels of the scaled image.
        scale: (numerator, denominator).
        gain: float, factor of brightness.
        orientation: element of `dihedral`.
    """

    shift: tuple[int, int] = (0, 0)
    scale: tuple[int, int] = (1, 1)
    gain: float = 1.0
    orientation: dihedral.Element = dihedral.IDENTITY

    def apply(self, images: Tensor) -> Tensor:
        """The images (batch, height, width, channels) as the model receives them."""
        images = dihedral.orient(self.orientation, images)
        images = images * self.gain if self.gain != 1 else images
        size = _ops.spatial_size(images)
        scaled = self._scaled(size)
        images = _ops.resize(images, scaled, "bilinear") if self.scale != (1, 1) else images
        for axis, (length, offset) in enumerate(zip(scaled, self.shift, strict=True), start=1):
            if offset:
                images = ops.take(images, _ops.reflected_positions(length, -offset, length), axis=axis)
        return images

    def undo(self, maps: Tensor, size: tuple[Any, Any]) -> Tensor:
        """The score maps of `apply(images)` aligned with the images, of `size` = (height, width)."""
        size = size[::-1] if self.orientation[0] else size
        if self.shift != (0, 0):
            (down, right), (height, width) = self.shift, self._scaled(size)
            maps = maps[:, down : down + height, right : right + width]
        maps = _ops.resize(maps, size, "bilinear") if self.scale != (1, 1) else maps
        return dihedral.orient_back(self.orientation, maps)

    def size(self, size: Sequence[Any]) -> tuple[Any, ...]:
        """(height, width) of `apply(images)` for images of `size`, None where that is not known."""
        scaled = self._scaled(size[::-1] if self.orientation[0] else size)
        return tuple(n and n + offset for n, offset in zip(scaled, self.shift, strict=True))

    def shape_key(self, size: Sequence[Any]) -> tuple[Any, ...]:
        """A key that is equal for views of equal size, as far as (height, width) of the images is known."""
        known = self.size(size)
        return known if None not in known else (self.shift, self.scale, self.orientation[0])

    def to_list(self) -> list[Any]:
        """A JSON-ready list, for `from_list`."""
        return [list(self.shift), list(self.scale), self.gain, list(self.orientation)]

    @classmethod
    def from_list(cls, items: Sequence[Any]) -> "View":
        """The view of a `to_list`."""
        shift, scale, gain, orientation = items
        return cls(tuple(shift), tuple(scale), float(gain), tuple(orientation))

    def _scaled(self, size: Sequence[Any]) -> tuple[Any, ...]:
        # In integers, so that Python and a graph round alike.
        p, q = self.scale
        if p == q:
            return tuple(size)
        scaled = [n if n is None else (2 * n * p + q) // (2 * q) for n in size]
        return tuple(n if n is None else max(n, 1) if isinstance(n, int) else ops.maximum(n, 1) for n in scaled)


def views_of(transforms: Iterable[Any]) -> tuple[View, ...]:
    """The distinct views of a product of transforms, the plain one first.

    Flips and turns together give the group that they generate; of the other transforms, each combination is taken once.
    """
    generators, scales, shifts, gains = [], [(1, 1)], [(0, 0)], [1.0]
    for transform in transforms:
        if isinstance(transform, Scale):
            scales += transform._ratios
        elif isinstance(transform, Shift):
            shifts += transform._offsets
        elif isinstance(transform, Brightness):
            gains += transform._gains
        else:
            generators += dihedral.GENERATORS[transform]
    orientations = dihedral.generated(generators)
    return tuple(
        View(shift=shift, scale=scale, gain=gain, orientation=orientation)
        for shift, scale, gain, orientation in itertools.product(
            _plain_first(shifts), _plain_first(scales), _plain_first(gains), orientations
        )
    )


def _plain_first(values: list[Any]) -> list[Any]:
    """The distinct values, the first of them first and the others sorted."""
    plain, *others = values
    return [plain, *sorted(set(others) - {plain})]


def read_transforms(transforms: Any) -> tuple[Any, ...]:
    """`transforms` as a tuple of names and objects, from one or a sequence of them, nested or not."""
    if isinstance(transforms, str):
        return (_validation.one_of("transforms", transforms, dihedral.GENERATORS),)
    if isinstance(transforms, (Scale, Shift, Brightness)):
        return (transforms,)
    if not isinstance(transforms, (list, tuple)):
        fix = "A transform needs an inverse that brings its score map back."
        _validation.fail("transforms", f"must be one of, or a sequence of, {_KINDS}", transforms, fix)
    if not transforms:
        _validation.fail("transforms", f"must hold {_KINDS}", transforms, 'For none pass "identity".')
    return tuple(item for part in transforms for item in read_transforms(part))
