"""ONNX files as they lie on the disk."""

import json
import pathlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from keras_seg._validation import InputError

if TYPE_CHECKING:
    import onnx


# How Protobuf marks a field whose length comes before its content.
_WITH_LENGTH = 2
# Bytes that a message of Protobuf may have.
_MOST = 2**31 - 1


class LargeConstant(NamedTuple):
    """A constant that is too large for more than one to be in memory.

    Attributes:
        shape: tuple of int.
        dtype: `numpy.dtype`.
        values: callable that returns the array.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    values: Callable[[], np.ndarray]

    @property
    def nbytes(self) -> int:
        """int. As of the array."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


def write_proto(model: "onnx.ModelProto", path: pathlib.Path, constants: Mapping[str, LargeConstant]) -> None:
    """Write an ONNX file, with constants that the model itself does not hold.

    Serialized as a whole, the model would be in memory three times: in NumPy, in the message, and as bytes.

    Args:
        model: onnx.ModelProto.
        path: pathlib.Path.
        constants: {name: `LargeConstant`}, for its graph.

    Raises:
        InputError: the file would have two gigabytes or more, which readers of ONNX refuse.
    """
    import onnx

    outer = onnx.ModelProto()
    outer.CopyFrom(model)
    outer.ClearField("graph")
    begins = [_beginning(name, constant) for name, constant in constants.items()]
    sizes = [len(begin) + one.nbytes for begin, one in zip(begins, constants.values(), strict=True)]
    marks = [_mark(onnx.GraphProto, "initializer", size) for size in sizes]
    graph = model.graph.SerializeToString()
    length = len(graph) + sum(sizes) + sum(map(len, marks))
    head = outer.SerializeToString() + _mark(onnx.ModelProto, "graph", length) + graph
    if (total := len(head) + length - len(graph)) > _MOST:
        fix = "Export to a SavedModel or OpenVINO, or a smaller model."
        raise InputError(f"An ONNX file has less than 2 GB, and this one would have {total / 1e9:.1f}. {fix}")
    with path.open("wb") as file:
        file.write(head)
        for mark, begin, constant in zip(marks, begins, constants.values(), strict=True):
            file.write(mark + begin)
            # ONNX stores the lowest byte first. NumPy's `tofile` does not say that a disk is full.
            file.write(np.ascontiguousarray(constant.values(), constant.dtype.newbyteorder("<")).data)


def _beginning(name: str, constant: LargeConstant) -> bytes:
    """A constant as ONNX has it, up to its values."""
    import onnx

    kind = onnx.helper.np_dtype_to_tensor_dtype(constant.dtype)
    tensor = onnx.TensorProto(name=name, data_type=kind, dims=constant.shape)
    return tensor.SerializeToString() + _mark(onnx.TensorProto, "raw_data", constant.nbytes)


def _mark(message: Any, field: str, length: int) -> bytes:
    """What Protobuf writes before a field: its number and kind, and how many bytes follow."""
    return _number(message.DESCRIPTOR.fields_by_name[field].number << 3 | _WITH_LENGTH) + _number(length)


def _number(value: int) -> bytes:
    """A number as Protobuf writes it: seven bits in a byte, the lowest first, and the eighth if more follow."""
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    return bytes([*written, value])


def read_proto(path: pathlib.Path) -> "onnx.ModelProto":
    """The content of an ONNX file, without the weights that are in files of their own.

    Args:
        path: pathlib.Path.

    Raises:
        InputError: it is no ONNX file, or a part of it is missing, which may be a file beside it.
    """
    import onnx

    try:
        model = onnx.load_model(path, load_external_data=False)
        complete = bool(model.graph.node and model.graph.output and model.opset_import)
    except Exception as error:  # Protobuf raises what a cut message leads to.
        raise _cut(path) from error
    if not complete:
        raise _cut(path)
    for name, end in _beside(model).items():
        file = path.parent / name
        if not file.is_file():
            raise InputError(f"{path}: keeps its weights in {name}, which is not beside it. Copy both into one folder.")
        if file.stat().st_size < end:
            raise InputError(f"{path}: a part of {name}, which holds its weights, is missing. Copy the file again.")
    return model


def _cut(path: pathlib.Path) -> InputError:
    return InputError(f"{path}: cannot be read as ONNX; a part seems to be missing. Export or download it again.")


def _beside(model: "onnx.ModelProto") -> dict[str, int]:
    """{file that holds weights: how many bytes it must have}."""
    found: dict[str, int] = {}
    for tensor in model.graph.initializer:
        facts = {entry.key: entry.value for entry in tensor.external_data}
        if "location" in facts:
            end = int(facts.get("offset", 0)) + int(facts.get("length", 0))
            found[facts["location"]] = max(end, found.get(facts["location"], 0))
    return found


def describe_within(model: "onnx.ModelProto", description: dict[str, Any]) -> None:
    """Store a description in the metadata of a model, each of its entries as JSON under its own name."""
    import onnx

    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in description.items()})


def read_description(path: pathlib.Path) -> dict[str, Any]:
    """What `describe_within` stored in a file; empty where there is nothing.

    Args:
        path: pathlib.Path.

    Raises:
        InputError: as of `read_proto`.
        ValueError: the metadata is of another program, and no JSON.
    """
    return {entry.key: json.loads(entry.value) for entry in read_proto(path).metadata_props}
