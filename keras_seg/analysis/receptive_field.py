"""The part of the image that a unit of a network depends on."""

import dataclasses
import math
from typing import Any

import keras

from keras_seg import _validation
from keras_seg._graph import image_graph, replay_opened
from keras_seg._types import Tensor
from keras_seg.analysis.layer_reach import reach_of
from keras_seg.analysis.unit_extents import UnitExtents
from keras_seg.layers.reach import EVERYTHING, UNKNOWN, EverythingAt


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReceptiveField:
    """The pixels that the units of a layer depend on: one number for both axes, or (height, width) if they differ.

    Unit `i` along an axis has its center at `center + i * stride`, where 0 is the middle of the first pixel, and
    depends on the `size` pixels around it.

    Attributes:
        layer: str. The layer's name.
        size: int. Extent of the field; the largest if units differ, as after upsampling. `math.inf` if every unit
            depends on the whole image, as after a squeeze-and-excitation gate.
        stride: int. Distance from one unit to the next; possibly a fractional float after upsampling.
        padding: int. Distance that the first unit's field extends beyond the image; negative if it starts inside.
        center: float. Center of the first unit's field.
        misaligned: dict. Maps the name of a layer that joins several paths to the pixels by which the centers of its
            inputs differ, or to `math.inf` if their strides differ. Empty if all paths are aligned.
        spans: pair. The exact spans along rows and columns, which `box` reads.
    """

    layer: str
    size: float | tuple[float, float]
    stride: float | tuple[float, float]
    padding: float | tuple[float, float]
    center: float | tuple[float, float]
    misaligned: dict[str, float]
    spans: tuple[UnitExtents, UnitExtents] = dataclasses.field(repr=False, compare=False)

    @property
    def aligned(self) -> bool:
        """Whether all paths that are joined on the way have the same center."""
        return not self.misaligned

    def box(self, row: int, column: int) -> tuple[float, float, float, float]:
        """The pixels that the unit at (row, column) depends on, as (top, left, bottom, right).

        Bottom and right are not included, as in slices. Parts outside the image are padding. Where a layer pads a map
        from which remainders were dropped, the padding counts as the units that would be there.

        Args:
            row: int. Row of the unit.
            column: int. Column of the unit.

        Returns:
            Four ints; minus and plus infinity if the unit depends on the whole image.
        """
        if self.size == math.inf:
            return -math.inf, -math.inf, math.inf, math.inf
        (top, bottom), (left, right) = (span.at(unit) for span, unit in zip(self.spans, (row, column), strict=True))
        return top, left, bottom + 1, right + 1


def receptive_field(model: keras.Model, *, layer: str | keras.layers.Layer | None = None) -> ReceptiveField:
    """The receptive field of a layer's units: how large, how far apart, and where.

    The graph is followed from the image, including branches, skips and nested models. A layer with kernel k, dilation
    d, stride s and padding p turns a field of size r, with units j pixels apart, into

    `r + (k - 1) d j`, units `s j` apart, centers moved by `((k - 1) d / 2 - p) j`;

    where paths are joined, the field is the union of theirs. Upsamplings (`UpSampling2D`, `Conv2DTranspose`,
    `UpsampleConv`, ...) are followed unit by unit. `Flatten` and global pooling count as the valid convolution they
    equal at the model's own input size; without a fixed size they read the whole image. "same" padding of strided
    layers depends on the size too: if it is not fixed, it is assumed to be a multiple of the strides.

    BatchNormalization counts as in inference, where each unit depends only on itself.

    Args:
        model: functional `keras.Model` with one image as input.
        layer: str. Name of a layer, which may be in a nested model; None for the model's output. Defaults to None.

    Returns:
        A `ReceptiveField`.

    Raises:
        InputError: if the model is not functional or has several outputs and no layer is named, there is no such layer,
            or the reach of a layer on the way is unknown.

    Examples:
        >>> import keras, keras_seg as ks
        >>> vgg = keras.applications.VGG16(include_top=False, weights=None)
        >>> field = ks.analysis.receptive_field(vgg, layer="block5_pool")
        >>> field.size, field.stride, field.padding, field.center
        (212, 32, 90, 15.5)
        >>> field.box(0, 1)
        (-90, -58, 122, 154)

    Reference:
        Araujo, Norris and Sim, "Computing Receptive Fields of Convolutional Neural Networks", Distill, 2019, sections
        "Single-path networks" and "Arbitrary computation graphs".
    """
    model, maps, fields = followed(model)
    if layer is None:
        if len(model.outputs) != 1:
            names = [_operation_of(output).name for output in model.outputs]
            fix = f"Pass layer={names[0]!r}; the outputs are those of {', '.join(map(repr, names))}."
            _validation.fail("layer", "must be named for a model of several outputs", layer, fix)
        name, found = _operation_of(model.outputs[0]).name, maps[id(model.outputs[0])]
    else:
        name = getattr(layer, "name", layer)
        # A nested model goes by its own name too, for what it returns.
        nested = {_operation_of(t).name: m for t, m in _tensors(model, maps)}
        found = fields.get(name) or nested.get(name)
        if found is None:
            _validation.fail("layer", "is not a layer of the model", layer, _validation.nearest(name, fields))
    if found.unknown is not None:
        _validation.fail(
            "model",
            "must be made of layers whose reach is known",
            f"{found.unknown.name} ({type(found.unknown).__name__})",
            "Name a layer in front of it.",
        )
    return _field(name, found)


def followed(model: keras.Model) -> tuple[keras.Model, dict, dict]:
    """A model's graph with the spans of all its tensors.

    Returns:
        (functional model, {id of a tensor: its map}, {name of an operation: its map}), where maps
        have `spans` along rows and columns. Nested models are opened.
    """
    model = image_graph(model)
    fields = {}

    def call(operation: Any, *args: Any, **kwargs: Any) -> Tensor:
        outputs = _outputs(operation, args, kwargs)
        fields[operation.name] = outputs[0]
        return outputs

    image = model.inputs[0]
    start = _Map(spec=keras.KerasTensor(image.shape, dtype=image.dtype), spans=(UnitExtents.of_pixels(),) * 2)
    maps = replay_opened(model, start, call)
    fields[_operation_of(image).name] = start
    return model, maps, fields


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Map:
    """A tensor of the graph: its shape, and its spans along rows and columns."""

    spec: Any
    spans: tuple
    whole: bool = False
    misaligned: dict = dataclasses.field(default_factory=dict)
    unknown: object = None

    def size(self, axis: int) -> Any:
        """The units along an axis; 1 for a vector."""
        return self.spec.shape[axis + 1] if len(self.spec.shape) == 4 else 1


def _outputs(operation: Any, args: Any, kwargs: Any) -> Any:
    """The maps that an operation makes of those among its arguments."""
    maps = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, _Map)]
    bare_args, bare_kwargs = keras.tree.map_structure(
        lambda value: value.spec if isinstance(value, _Map) else value, (args, kwargs)
    )
    specs = keras.tree.flatten(operation.compute_output_spec(*bare_args, **bare_kwargs))
    read = [_read(operation, position, maps, specs[0]) for position in range(len(maps))]
    read = [value for value in read if value is not None]
    joined = _joined(operation, read) if len(read) > 1 else read[0]
    return [dataclasses.replace(joined, spec=spec) for spec in specs]


def _read(operation: Any, position: Any, maps: Any, output: Any) -> Any:
    """The contribution of input number `position` of `maps` to an operation's output; None if only its size is used."""
    source = maps[position]
    if source.whole and _is_resized_to_last(operation, position, len(maps)):
        return dataclasses.replace(source, spans=maps[-1].spans)
    if type(operation).__name__ in ("Reshape", "Squeeze", "ExpandDims"):
        return _reshaped(operation, source, output)
    if not all(len(spec.shape) in (2, 4) for spec in (source.spec, output)):
        return dataclasses.replace(source, unknown=source.unknown or operation)
    spans, whole, unknown = [], source.whole, source.unknown
    for axis, span in enumerate(source.spans):
        output_size = output.shape[axis + 1] if len(output.shape) == 4 else 1
        scale = maps[-1].spans[axis].stride / span.stride if len(maps) > 1 else None
        chain = reach_of(operation, position, axis, size=source.size(axis), output_size=output_size, scale=scale)
        if chain is None:
            return None
        if chain == UNKNOWN:
            unknown = unknown or operation
        elif chain == EVERYTHING:
            whole = True
            if _is_resized_to_last(operation, position, len(maps)):
                span = maps[-1].spans[axis]
        else:
            for reading in chain:
                span, whole = span.read_by(reading), whole or isinstance(reading, EverythingAt)
        spans.append(span)
    return dataclasses.replace(source, spans=tuple(spans), whole=whole, unknown=unknown)


def _is_resized_to_last(operation: Any, position: int, count: int) -> bool:
    """Whether an input takes the size of the last of `count` maps, which stays in place or is not read itself."""
    if position == count - 1:
        return False
    last = reach_of(operation, count - 1, 0, size=None)
    return last is None or (last == [] and reach_of(operation, position, 0, size=None) != [])


def _reshaped(operation: Any, source: Any, output: Any) -> Any:
    """A reshape either changes nothing along the axes (a vector and a map of one pixel), flattens, or is unknown."""
    if all(source.size(axis) == 1 for axis in (0, 1)) and (
        len(output.shape) == 2 or (len(output.shape) == 4 and tuple(output.shape[1:3]) == (1, 1))
    ):
        return source
    if len(output.shape) == 2 and len(source.spec.shape) == 4:
        return _read(keras.layers.Flatten(dtype=source.spec.dtype), 0, [source], output)
    return dataclasses.replace(source, unknown=source.unknown or operation)


def _joined(operation: Any, maps: Any) -> Any:
    """The union of several maps, unit by unit."""
    result = maps[0]
    for other in maps[1:]:
        whole, misaligned = result.whole or other.whole, {**result.misaligned, **other.misaligned}
        unknown = result.unknown or other.unknown
        sizes = [[source.size(axis) for axis in (0, 1)] for source in (result, other)]
        if sizes[0] != sizes[1] and [1, 1] in sizes:
            # One value for all units, such as the gate of a squeeze-and-excitation block.
            larger = result if sizes[1] == [1, 1] else other
            result = dataclasses.replace(larger, whole=True, misaligned=misaligned, unknown=unknown)
            continue
        spans = []
        for mine, theirs in zip(result.spans, other.spans, strict=True):
            if mine.stride == theirs.stride:
                span, shift = mine.joined(theirs)
            elif result.whole or other.whole:
                # What depends on the whole image has no center of its own: attention to a reduced map.
                span, shift, whole = mine, 0, True
            else:
                span, shift, whole = mine, math.inf, True
            if shift and not unknown:
                misaligned[operation.name] = max(misaligned.get(operation.name, 0), float(shift))
            spans.append(span)
        result = dataclasses.replace(
            result, spec=result.spec, spans=tuple(spans), whole=whole, misaligned=misaligned, unknown=unknown
        )
    return result


def _field(name: str, found: Any) -> Any:
    if found.whole:
        size = padding = (math.inf, math.inf)
    else:
        size = [max(last - first + 1 for first, last in span.ends) for span in found.spans]
        padding = [-span.at(0)[0] for span in found.spans]
    return ReceptiveField(
        layer=name,
        size=_simple(size),
        stride=_simple([_number(span.stride) for span in found.spans]),
        padding=_simple(padding),
        center=_simple([float(span.center(0)) for span in found.spans]),
        misaligned=found.misaligned,
        spans=found.spans,
    )


def _number(fraction: Any) -> Any:
    return int(fraction) if fraction.denominator == 1 else float(fraction)


def _simple(pair: Any) -> Any:
    """One number where both axes have the same."""
    return pair[0] if pair[0] == pair[1] else tuple(pair)


def _operation_of(tensor: Tensor) -> Any:
    return tensor._keras_history.operation


def _tensors(model: keras.Model, maps: Any) -> Any:
    """The model's own tensors with their maps, nested models' outputs included."""
    return [
        (tensor, maps[id(tensor)])
        for nodes in model._nodes_by_depth.values()
        for node in nodes
        for tensor in node.outputs
    ]
