"""Which units of its input a layer reads along one axis, in the form that `keras_seg.analysis` follows.

A layer declares it by a method

`receptive_reach(position, axis, *, size, output_size, scale)`

with the arguments

- `position`: int, the number of the input map;
- `axis`: int, 0 for rows and 1 for columns;
- `size`, `output_size`: int or None, units along that axis of this input and of the output; None is read as a multiple
  of every stride;
- `scale`: fraction or None, units of this input per unit of the last input, for layers that take the size of another
  map;

that returns a list of `Reach`, applied in order; `[]` if each unit reads the unit at its own place; `None` if only the
size of this input matters; `EVERYTHING` if every unit reads the whole axis, from the place of an input unit or of the
map whose size it takes, and `of_everything` of a list if it lies where the list puts it; or `UNKNOWN`. Layers of other
packages may define it too.
"""

import dataclasses
import fractions
import math
from collections.abc import Sequence
from typing import Any, Literal

EVERYTHING = "everything"
UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Reach:
    """What the units along one axis read of the axis before.

    With `n = len(phases)`, unit `n * m + r` reads the units from `advance * m + phases[r][0]` to
    `advance * m + phases[r][1]`, both included: a convolution of stride 2 has one phase and advances by 2, an
    enlargement by 2 has two phases and advances by 1.

    Args:
        advance: int. Units of the input from one period to the next.
        phases: tuple of pairs (first, last), one per unit of a period.
    """

    advance: int
    phases: Sequence[tuple[int, ...]]


class EverythingAt(Reach):
    """The places of units as a `Reach` has them, where each of them depends on the whole axis."""


Reaches = list[Reach] | None | Literal["everything", "unknown"]


def of_everything(chain: Reaches) -> Reaches:
    """What units read that lie where `chain` puts them, but depend on the whole axis."""
    if not isinstance(chain, list) or not chain:
        return EVERYTHING
    return [*chain[:-1], EverythingAt(chain[-1].advance, chain[-1].phases)]


def of_axis(value: int | Sequence[int], axis: int) -> int:
    """The number for `axis`: `value` is one number for both axes, or one per axis."""
    return value[axis] if isinstance(value, (tuple, list)) else value  # type: ignore[return-value]


def padding_before(window: int, stride: int, size: int | None) -> int:
    """Pixels that "same" padding adds before an axis: half of the missing ones, rounded down, as in TensorFlow.

    `window` is the kernel's extent, dilation included. An unknown size is taken to be a multiple of the stride.
    """
    return padding_around(window, stride, size)[0]


def padding_around(window: int, stride: int, size: int | None) -> tuple[int, int]:
    """Pixels (before, after) that "same" padding adds to an axis; see `padding_before`."""
    total = max(window - stride if size is None else (-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def shifted(by: int) -> Reach:
    """Each unit reads the one `by` places further."""
    return Reach(1, ((by, by),))


def window(extent: int, stride: int, before: int) -> Reach:
    """Each unit reads a window of `extent` units, the first of which starts `before` units before the axis."""
    return Reach(stride, ((-before, extent - 1 - before),))


def window_of_layer(layer: Any, axis: int) -> tuple[int, int, int]:
    """(kernel, stride, dilation) of a convolution or pooling along an axis."""
    kernel = layer.kernel_size if hasattr(layer, "kernel_size") else layer.pool_size
    strides = kernel if layer.strides is None else layer.strides
    return of_axis(kernel, axis), of_axis(strides, axis), of_axis(getattr(layer, "dilation_rate", 1), axis)


def reach_of_window(layer: Any, axis: int, size: int | None) -> Reach:
    """The reach of a convolution or pooling with Keras' attributes; `padding` may also be pairs (before, after)."""
    kernel, stride, dilation = window_of_layer(layer, axis)
    extent = (kernel - 1) * dilation + 1
    if layer.padding == "same":
        return window(extent, stride, padding_before(extent, stride, size))
    return window(extent, stride, 0 if layer.padding == "valid" else layer.padding[axis][0])


def transposed(kernel: int, stride: int, dilation: int, padding: str) -> Reach:
    """Input i is spread over outputs `i * stride - cut + dilation * t`, so output o reads a few inputs around o/stride.

    Where the kernel is smaller than the stride, outputs that no input reaches count with their neighbor.
    """
    extent = (kernel - 1) * dilation + 1
    cut = max(extent - stride, 0) // 2 if padding == "same" else 0
    phases = []
    for phase in range(stride):
        last = (phase + cut) // stride
        phases.append((min(-((extent - 1 - phase - cut) // stride), last), last))
    return Reach(1, tuple(phases))


def resized(size: int | None, output_size: int | None, scale: fractions.Fraction | None, interpolation: str) -> Reaches:
    """A map of `size` units resized to `output_size`; where one is unknown, `scale` input units per output unit."""
    if size == 1 and output_size is not None:
        return [Reach(1, ((0, 0),) * output_size)]
    if size is not None and output_size is not None:
        scale = fractions.Fraction(size, output_size)
    return UNKNOWN if scale is None else scaled(*scale.as_integer_ratio(), interpolation)


def aligned(size: int | None, output_size: int | None) -> Reaches:
    """A map of `size` units resized bilinearly to `output_size` with the first and last units in place."""
    if size is None or output_size is None:
        return EVERYTHING  # The steps depend on both sizes, and are not the same everywhere.
    steps = max(output_size - 1, 1)
    places = [o * (size - 1) for o in range(output_size)]
    return [Reach(size, tuple((place // steps, -(-place // steps)) for place in places))]


def scaled(step: int, count: int, interpolation: str) -> Reaches:
    """`count` units made of each `step`: with half-pixel centers output o lies at `(o + 1/2) step / count - 1/2`.

    Places beyond the ends count as padding.
    """
    if interpolation == "nearest":
        nearest = [(2 * o + 1) * step // (2 * count) for o in range(count)]
        return [Reach(step, tuple((unit, unit) for unit in nearest))]
    # Whole numbers, so that no rounding decides which units are read.
    places = [(2 * o + 1) * step - count for o in range(count)]
    ends = [(place // (2 * count), -(-place // (2 * count))) for place in places]
    if interpolation == "bilinear":
        return [Reach(step, tuple(ends))]
    if interpolation == "bicubic":
        # Two units to either side; at a unit itself the weights of the others are zero.
        return [Reach(step, tuple((a, b) if a == b else (a - 1, b + 1) for a, b in ends))]
    return UNKNOWN


def regions(size: int | None, count: int) -> Reaches:
    """Region i of `count` covers `floor(i n / count)` up to, not including, `ceil((i + 1) n / count)` of n units."""
    if size is None:
        return EVERYTHING
    divisor = math.gcd(size, count)
    phases = tuple((i * size // count, -(-(i + 1) * size // count) - 1) for i in range(count // divisor))
    return [Reach(size // divisor, phases)]
