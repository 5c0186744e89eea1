"""The output size, border and stride of a model for one size of tile."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import keras

from keras_seg import _validation
from keras_seg._graph import as_functional
from keras_seg._types import Size
from keras_seg.analysis import receptive_field, shift_stride
from keras_seg.inference.output_kind import single_output, sole_output


@dataclasses.dataclass(frozen=True, kw_only=True)
class TileGeometry:
    """A model and a size of tile. Pairs are (rows, columns), pixels.

    Attributes:
        tile: the size of the model's input.
        border: pixels that the output lacks on each side: 0 for models that keep the size, 92 for the U-Net of 2015.
        stride: step of the grid that tiles must start on.
        channels: int or None, of the image that the model takes.
        classes: int, of its output.
        any_size: bool, whether the model takes other sizes too.
    """

    tile: tuple[int, int]
    border: tuple[int, int]
    stride: tuple[int, int]
    channels: int | None
    classes: int
    any_size: bool

    @property
    def output(self) -> tuple[int, int]:
        """The size of the model's output."""
        height, width = (side - 2 * border for side, border in zip(self.tile, self.border, strict=True))
        return height, width


def tile_geometry(model: Any, tile: Size, stride: Size | None = None) -> TileGeometry:
    """The `TileGeometry` of a model, or an error that names the tiles that fit.

    `stride` is the model's stride, or None to read it from the graph.
    """
    if not isinstance(model, keras.Model):
        fix = "Pass a keras.Model from images to a score for each class and pixel."
        _validation.fail("model", "must be a keras.Model", type(model).__name__, fix)
    if not model.built:
        _validation.fail("model", "must be built", model.name, "Call it once on an image.")
    single_output(model)
    tile = _validation.pair("tile", tile)
    shape = _input_shape(model)
    down, across = shift_stride(model) if stride is None else _validation.pair("stride", stride)
    fixed = None if shape is None or None in shape[1:3] else tuple(shape[1:3])
    channels = None if shape is None else shape[-1]

    def output(size: tuple[int, int]) -> Any:
        return _output_spec(model, (1, *size, channels or 3))

    if fixed is not None and tile != fixed:
        output(fixed)  # Refuses a model that no tile fits.
        _validation.fail("tile", f"must be {_size(fixed)}, the one size that this model takes", tile)
    strides = (down, across)
    border = (
        _border(output, tile, 0, strides=strides, fixed=fixed is not None),
        _border(output, tile, 1, strides=strides, fixed=fixed is not None),
    )
    if fixed is not None:
        _check_every_pixel(model, tile, border)
    return TileGeometry(
        tile=tile,
        border=border,
        stride=strides,
        channels=channels,
        classes=output(tile).shape[-1],
        any_size=fixed is None,
    )


def reach(model: keras.Model, geometry: TileGeometry) -> tuple[int, int]:
    """The distance from the edge, (rows, columns) in pixels, from which a tile's output depends on the tile alone.

    Raises:
        InputError: if the model depends on the whole image.
    """
    try:
        field = receptive_field(model)
    except _validation.InputError as error:
        fix = "Pass margin=... in pixels instead of margin='receptive_field'."
        rule = "`margin` cannot be read from this model: it has no graph, or layers of unknown receptive field."
        raise _validation.InputError(f"{rule} {fix}") from error
    if field.size == math.inf:
        _validation.fail(
            "margin",
            "must be a number of pixels for a model that depends on the whole image, as global pooling, group "
            "normalization and squeeze-and-excitation do: no tile equals the whole image",
            "receptive_field",
            "Pass blend='gaussian' and margin=None, and measure the seams with seam_report.",
        )
    sides = zip(field.spans, geometry.tile, geometry.output, strict=True)
    down, across = (_reach_along(span, tile, output) for span, tile, output in sides)
    return down, across


def _reach_along(span: Any, tile: int, output: int) -> int:
    """The largest distance from either end of an axis at which an output depends on pixels outside the tile."""
    period = range(len(span.ends))
    before = max(unit - span.at(unit)[0] for unit in period)
    after = max(span.at(unit)[1] - unit for unit in period) - (tile - output)
    at_start = [unit + 1 for unit in range(max(before, 0)) if span.at(unit)[0] < 0]
    at_end = [output - unit for unit in range(output - max(after, 0), output) if span.at(unit)[1] >= tile]
    return max(at_start + at_end, default=0)


def _input_shape(model: keras.Model) -> tuple[Any, ...] | None:
    """(batch, height, width, channels) of a model's input, or None if it is not known."""
    functional = as_functional(model)
    if functional is None:
        inner = [shape for layer in model.layers if (shape := _inner_shape(layer)) is not None]
        return (None, None, None, inner[0][-1]) if inner else None
    shapes = [tuple(tensor.shape) for tensor in functional.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        _validation.fail("model", "must have one input of shape (batch, height, width, channels)", shapes)
    return shapes[0]


def _inner_shape(layer: Any) -> tuple[Any, ...] | None:
    functional = as_functional(layer)
    if functional is None or len(functional.inputs) != 1 or len(functional.inputs[0].shape) != 4:
        return None
    return tuple(functional.inputs[0].shape)


def _output_spec(model: keras.Model, shape: tuple[Any, ...]) -> Any:
    """The symbolic output of a model for an input of a shape."""
    spec = sole_output(model.compute_output_spec(keras.KerasTensor(shape, dtype="float32")))
    if len(spec.shape) != 4 or None in spec.shape[1:]:
        rule = "must give (batch, height, width, classes)"
        fix = "A classifier of patches becomes one by keras_seg.surgery.convolutionalize and dilate."
        _validation.fail("model", rule, tuple(spec.shape), fix if len(spec.shape) == 2 else "")
    return spec


def _border(
    output: Callable[[tuple[int, int]], Any], tile: tuple[int, int], axis: int, *, strides: tuple[int, int], fixed: bool
) -> int:
    """The pixels that the output is smaller on each side along an axis, if the tile suits the model."""
    side, other = tile[axis], tile[1 - axis]
    stride, other_stride = strides[axis], strides[1 - axis]
    # The other side may not suit the model either. Its next multiple of the stride does, if the model pads.
    others = dict.fromkeys((other, -(-other // other_stride) * other_stride))

    def lost(side: int) -> int | None:
        for across in others:
            try:
                return side - output((side, across) if axis == 0 else (across, side)).shape[axis + 1]
            except _validation.InputError:
                raise
            except (ValueError, TypeError, RuntimeError):
                # Too small, or joined maps differ in size. Without a graph, this is another error on each backend.
                continue
        return None

    if fixed:
        missing = lost(side)
        if missing is None or missing % 2 or missing < 0:
            _wrong_size(tile, output)
        return missing // 2
    # Among `stride` consecutive sizes, the one with the smallest loss suits the poolings.
    losses = {size: missing for size in range(side, side + stride) if (missing := lost(size)) is not None}
    if not losses:
        _validation.fail("tile", "must be large enough for the model to leave an output", tile, "Enlarge it.")
    # Shapes do not show that joined maps differ in size; the output of such a size may be larger than its input.
    losses = {size: missing for size, missing in losses.items() if missing >= 0} or losses
    least = min(losses.values())
    suits = -(-side // stride) * stride if least == 0 else min(size for size in losses if losses[size] == least)
    if least == 0 and lost(suits + stride) != 0:
        rule = f"must be the model's, and it does not take {suits} and {suits + stride} pixels alike"
        _validation.fail("stride", rule, stride, "Pass it, such as stride=16 for a model with four poolings by 2.")
    if least % 2 or least < 0 or lost(suits + stride) != least:
        _wrong_size((suits, suits), output)
    if side != suits:
        rule = f"must have a {('height', 'width')[axis]} that suits the model's stride of {stride}"
        below = [] if suits - stride < 1 or lost(suits - stride) != least else [suits - stride]
        nearest = " or ".join(str(size) for size in [*below, suits])
        _validation.fail("tile", rule, tile, f"Nearest that do: {nearest}.")
    return least // 2


def _wrong_size(tile: tuple[int, int], output: Callable[[tuple[int, int]], Any]) -> NoReturn:
    size = output(tile).shape[1:3]
    rule = "must give an output as large as its input, or smaller by the same number of pixels on each side"
    fix = "Enlarge its output with keras_seg.layers.Resize2D, or crop it with CropLike."
    _validation.fail("model", rule, f"{_size(size)} for {_size(tile)}", fix)


def _check_every_pixel(model: keras.Model, tile: tuple[int, int], border: tuple[int, int]) -> None:
    """A model of one size cannot be tried at others; its graph shows whether it predicts every pixel."""
    try:
        strides = [span.stride for span in receptive_field(model).spans]
    except _validation.InputError:
        return
    if any(stride != 1 for stride in strides):
        _wrong_size(tile, lambda size: _output_spec(model, (1, *size, (_input_shape(model) or (None,))[-1] or 3)))


def _size(pair: Sequence[int]) -> str:
    return f"{pair[0]}x{pair[1]}"
