"""The graph of a TFLite file."""

import dataclasses
import mmap
from typing import Any

import numpy as np

from keras_seg._validation import InputError
from keras_seg.export.file_graph import FileGraph, Node, Tensor

_MARK = b"TFL3"  # At byte 4 of every TFLite file.
_SMALL = 64  # Bytes.


def schema() -> Any:
    """TFLite's schema as Python, of LiteRT where it is installed, and of TensorFlow otherwise."""
    try:
        from ai_edge_litert import schema_py_generated as found
    except ImportError:
        from tensorflow.lite.python import schema_py_generated as found
    return found


def unpacked(content: bytes | mmap.mmap, file: str) -> Any:
    """The content of a TFLite file as the mutable objects of its schema.

    Args:
        content: bytes, or a file in memory.
        file: str. The name of the file in errors.

    Raises:
        InputError: it is no TFLite file, or a part of it is missing.
    """
    if content[4:8] != _MARK:
        raise InputError(f"{file}: is no TFLite file. Give a .tflite file.")
    format_ = schema()
    try:
        model = format_.ModelT.InitFromObj(format_.Model.GetRootAsModel(content, 0))
    except Exception as error:  # Flatbuffers raises whatever a cut offset leads to.
        raise _cut(file) from error
    if not (model.subgraphs and model.operatorCodes and model.buffers):
        raise _cut(file)
    return model


def _cut(file: str) -> InputError:
    return InputError(f"{file}: cannot be read as TFLite; a part seems to be missing. Export or download it again.")


def read_graph(content: bytes | mmap.mmap, file: str) -> FileGraph:
    """The `FileGraph` of a file. Arguments and errors as of `unpacked`."""
    format_, model = schema(), unpacked(content, file)
    ops = {value: name for name, value in vars(format_.BuiltinOperator).items() if not name.startswith("_")}
    types = {value: name for name, value in vars(format_.TensorType).items() if not name.startswith("_")}
    try:
        graph = model.subgraphs[0]
        tensors = [_tensor(place, one, model.buffers, types) for place, one in enumerate(graph.tensors)]
        codes = [_op(code, ops) for code in model.operatorCodes]
        for one in graph.operators:
            for place in one.outputs:
                tensors[place] = dataclasses.replace(tensors[place], source=codes[one.opcodeIndex][0])
        nodes = [_node(place, one, codes[one.opcodeIndex], tensors) for place, one in enumerate(graph.operators)]
        inputs, outputs = (tuple(tensors[place] for place in places) for places in (graph.inputs, graph.outputs))
    except (IndexError, TypeError, AttributeError) as error:
        raise _cut(file) from error
    return FileGraph(nodes=tuple(nodes), inputs=inputs, outputs=outputs, subgraphs=len(model.subgraphs))


def _tensor(place: int, tensor: Any, buffers: list[Any], types: dict[int, str]) -> Tensor:
    shape = tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature
    held, quantization = buffers[tensor.buffer], tensor.quantization
    small = types.get(tensor.type) == "INT32" and held.data is not None and len(held.data) <= _SMALL
    return Tensor(
        index=place,
        name=(tensor.name or b"").decode(errors="replace"),
        shape=tuple(int(side) for side in (() if shape is None else shape)),
        dtype=types.get(tensor.type, str(tensor.type)),
        # Large files keep the values behind the flatbuffer.
        constant=held.data is not None or bool(getattr(held, "size", 0)),
        quantized=quantization is not None and quantization.scale is not None,
        numbers=tuple(np.asarray(held.data, "uint8").view("<i4").tolist()) if small else (),
    )


def _op(code: Any, ops: dict[int, str]) -> tuple[str, bool, int]:
    """(the name of an operator, whether it is a custom one, its version)."""
    # Files of before 2020 have the number in a byte of its own.
    name = ops.get(max(code.builtinCode, code.deprecatedBuiltinCode), "unknown")
    custom = name == "CUSTOM"
    return (code.customCode or b"").decode(errors="replace") if custom else name, custom, code.version


def _node(place: int, operator: Any, op: tuple[str, bool, int], tensors: list[Tensor]) -> Node:
    name, custom, version = op
    return Node(
        number=place,
        op=name,
        custom=custom,
        inputs=tuple(tensors[one] for one in operator.inputs if one >= 0),
        outputs=tuple(tensors[one] for one in operator.outputs if one >= 0),
        options=operator.builtinOptions,
        version=version,
    )
