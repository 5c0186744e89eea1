"""A TFLite file as GPUs of phones compute it: every weight and every result rounded to float16."""

import copy
from typing import Any

import numpy as np

from keras_seg.export.delegates.tflite_graph import schema, unpacked

LARGEST = float(np.finfo("float16").max)


def in_half_precision(content: bytes, file: str) -> bytes:
    """A file whose float32 weights, and the float32 results of whose operators, are rounded to float16.

    Sums are taken in float32, as on GPUs that accumulate so; those that sum in float16 lose more. What follows the
    flatbuffer, such as the archive of the metadata, is kept.

    Args:
        content: bytes of a TFLite file.
        file: str. The name of the file in errors.
    """
    import flatbuffers

    format_, model = schema(), unpacked(content, file)
    floats, halves = format_.TensorType.FLOAT32, format_.TensorType.FLOAT16
    graph = model.subgraphs[0]
    _round_constants(model, floats)
    cast, code = len(model.operatorCodes), format_.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = format_.BuiltinOperator.CAST
    code.version = 1
    model.operatorCodes.append(code)
    rounded: dict[int, int] = {}
    operators = []

    def converted(source: int, kind: int) -> int:
        """The place of a new tensor, to which an operator converts the tensor at `source`."""
        made = copy.copy(graph.tensors[source])
        made.name, made.type, made.buffer = made.name + b"/rounded", kind, 0
        graph.tensors.append(made)
        operator = format_.OperatorT()
        operator.opcodeIndex, operator.inputs, operator.outputs = cast, [source], [len(graph.tensors) - 1]
        operators.append(operator)
        return len(graph.tensors) - 1

    for operator in graph.operators:
        operator.inputs = [rounded.get(int(place), int(place)) for place in operator.inputs]
        operators.append(operator)
        for place in map(int, operator.outputs):
            if graph.tensors[place].type == floats:
                rounded[place] = converted(converted(place, halves), floats)
    graph.operators = operators
    graph.outputs = [rounded.get(int(place), int(place)) for place in graph.outputs]
    for signature in model.signatureDefs or []:
        for output in signature.outputs:
            output.tensorIndex = rounded.get(output.tensorIndex, output.tensorIndex)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + _archive(content)


def _round_constants(model: Any, floats: int) -> None:
    places = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors if tensor.type == floats}
    for place in places:
        held = model.buffers[place]
        if held.data is not None:
            with np.errstate(over="ignore"):
                values = np.asarray(held.data, "uint8").view("<f4").astype("float16")
            held.data = values.astype("<f4").view("uint8")


def _archive(content: bytes) -> bytes:
    """The zip archive that follows the flatbuffer of a file with metadata."""
    import io
    import zipfile

    if not zipfile.is_zipfile(io.BytesIO(content)):
        return b""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return content[min(item.header_offset for item in archive.infolist()) :]
