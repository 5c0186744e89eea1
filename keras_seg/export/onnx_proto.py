"""ONNX files as they lie on the disk."""

import json
import pathlib
from typing import TYPE_CHECKING, Any

from keras_seg._validation import InputError

if TYPE_CHECKING:
    import onnx


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
