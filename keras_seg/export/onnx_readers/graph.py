"""The graph of an ONNX file."""

import itertools
import math
import pathlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.export.file_graph import FileGraph, Node, Tensor
from keras_seg.export.onnx_proto import read_proto
from keras_seg.export.onnx_readers.operators import NEWEST_OPSET
from keras_seg.export.onnx_readers.whole_numbers import gives_whole_numbers

if TYPE_CHECKING:
    import onnx

# Numbers of a constant whose values are looked at.
_SMALL = 64
_OWN_DOMAINS = {"", "ai.onnx"}


def read_graph(path: pathlib.Path) -> FileGraph:
    """The `FileGraph` of an ONNX file, with the shapes and types that follow from its inputs.

    Args:
        path: pathlib.Path.

    Raises:
        InputError: as of `read_proto`.
    """
    import onnx

    whole = read_proto(path)
    light = _without_weights(whole)
    graph = onnx.shape_inference.infer_shapes(light, data_prop=True).graph
    graphs = list(_all_graphs(graph))
    read = _Reader(graphs, {given.name for given in whole.graph.initializer})
    nodes = [read.node(number, node) for number, node in enumerate(node for part in graphs for node in part.node)]
    inputs, outputs = (tuple(read.tensor(one.name) for one in ends) for ends in (whole.graph.input, whole.graph.output))
    return FileGraph(nodes=tuple(nodes), inputs=inputs, outputs=outputs, subgraphs=len(graphs))


def _without_weights(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """The model with large constants as inputs, whose shapes can be inferred without a copy of their values."""
    import onnx

    small, large = [], []
    for given in model.graph.initializer:
        (small if math.prod(given.dims) <= _SMALL and not given.external_data else large).append(given)
    values = [onnx.helper.make_tensor_value_info(one.name, one.data_type, list(one.dims)) for one in large]
    graph = onnx.helper.make_graph(
        list(model.graph.node), model.graph.name, [*model.graph.input, *values], list(model.graph.output), small
    )
    return onnx.helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)


def _all_graphs(graph: Any) -> Iterator[Any]:
    """A graph, and those of the branches and loops in it."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _all_graphs(attribute.g)


class _Reader:
    """Makes tensors and nodes of those of a graph, and of the graphs in it, whose shapes are inferred."""

    def __init__(self, graphs: list[Any], constants: set[str]) -> None:
        from onnx import numpy_helper

        self._index = itertools.count()
        self._constants = constants
        self._values = {one.name: numpy_helper.to_array(one) for part in graphs for one in part.initializer}
        known = [one for part in graphs for one in (*part.input, *part.value_info, *part.output)]
        self._types = {one.name: one.type.tensor_type for one in known}
        self._known: dict[str, Tensor] = {}

    def tensor(self, name: str, *, whole: bool = False) -> Tensor:
        """The tensor of a name; for "", an input that is left out, an empty constant."""
        if name not in self._known:
            values, kind = self._values.get(name), self._types.get(name)
            self._known[name] = Tensor(
                index=next(self._index),
                name=name,
                shape=_shape(values, kind),
                dtype=_type(values, kind),
                constant=not name or name in self._constants or values is not None,
                numbers=() if values is None or values.dtype.kind not in "fiub" else tuple(values.ravel().tolist()),
                whole=whole or (values is not None and _whole(values)),
            )
        return self._known[name]

    def node(self, number: int, node: Any) -> Node:
        from onnx import helper, numpy_helper

        options = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        options = {name: one.decode() if isinstance(one, bytes) else one for name, one in options.items()}
        if node.op_type == "Constant" and "value" in options:
            self._values[node.output[0]] = numpy_helper.to_array(options["value"])
        inputs = tuple(self.tensor(name) for name in node.input)
        filled = node.op_type == "ConstantOfShape"
        whole = filled and ("value" not in options or _whole(numpy_helper.to_array(options["value"])))
        whole = whole or gives_whole_numbers(node.op_type, inputs)
        return Node(
            number=number,
            op=node.op_type,
            custom=node.domain not in _OWN_DOMAINS or not _known_op(node.op_type),
            inputs=inputs,
            outputs=tuple(self.tensor(name, whole=whole) for name in node.output if name),
            options=options,
            name=node.name,
        )


def _known_op(name: str) -> bool:
    import onnx

    return onnx.defs.has(name, NEWEST_OPSET)


def _shape(values: np.ndarray | None, kind: Any) -> tuple[int, ...]:
    if values is not None:
        return values.shape
    if kind is None or not kind.HasField("shape"):
        return (-1,)
    return tuple(one.dim_value if one.HasField("dim_value") else -1 for one in kind.shape.dim)


def _type(values: np.ndarray | None, kind: Any) -> str:
    from onnx import TensorProto, helper

    number = kind.elem_type if kind is not None else 0
    if values is not None:
        number = helper.np_dtype_to_tensor_dtype(values.dtype)
    return TensorProto.DataType.Name(number)


def _whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "iub" or (values.dtype.kind == "f" and bool((values == np.round(values)).all()))
