"""TFLite Metadata: how MediaPipe knows the input and the outputs of a file.

The metadata is a flatbuffer inside a buffer of the model; label files follow the model as a zip archive.
Its writer in mediapipe 1.2 cannot be imported, and needs mediapipe, so the few tables that a segmenter needs are
written here, by the positions that their fields have in the published schema.

Reference: TensorFlow Lite Support, `metadata_schema.fbs`, version 1.5.
"""

import dataclasses
import io
import json
import pathlib
import zipfile
from typing import Any

from keras_seg.export.tflite.metadata_entry import entry_before

LABEL_FILE, DESCRIPTION_FILE = "labels.txt", "keras_seg.json"
# MediaPipe wants a label for each channel: a single channel has that of class 1.
_CHANNEL_FILE = "channel.txt"
_NAME, _IDENTIFIER, _PARSER = "TFLITE_METADATA", b"M001", "1.5.0"
# Values of the enums and unions of the schema.
_TENSOR_AXIS_LABELS, _IMAGE_PROPERTIES, _NORMALIZATION = 2, 2, 1
_UNKNOWN, _RGB, _GRAYSCALE = 0, 1, 2
# By channels. The schema has no color space with transparency; MediaPipe takes four channels as RGB only.
_COLOR_SPACES = {1: _GRAYSCALE, 3: _RGB, 4: _RGB}


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table of the schema: values by position of their field."""

    fields: dict[int, Any]


@dataclasses.dataclass(frozen=True)
class _Number:
    """A number within a table; `kind` is how the flatbuffers builder calls its type."""

    kind: str
    value: int


def metadata_around(model: bytes, description: dict[str, Any]) -> tuple[bytes, bytes]:
    """What is to be written before and after a TFLite file to give it metadata.

    Args:
        model: bytes of a TFLite file with one input.
        description: dict. As `describe` returns it.
    """
    from tensorflow.lite.python import schema_py_generated as schema

    content: Any = schema.Model.GetRootAsModel(model, 0)
    graph, signature = content.Subgraphs(0), content.SignatureDefs(0)
    source = graph.Tensors(graph.Inputs(0))
    outputs = map(signature.Outputs, range(signature.OutputsLength()))
    names = {output.TensorIndex(): output.Name().decode() for output in outputs}
    written = _metadata(source, [names[index] for index in graph.OutputsAsNumpy()], description)
    return entry_before(model, _NAME, written), _archive(description)


def read_description(path: pathlib.Path) -> dict[str, Any]:
    """What `metadata_around` gave a file; fails with BadZipFile, KeyError or ValueError where there is none."""
    with zipfile.ZipFile(path) as archive:
        return json.loads(archive.read(DESCRIPTION_FILE))


def _archive(description: dict[str, Any]) -> bytes:
    """The associated files, stored as they are so that a client can map them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(LABEL_FILE, "\n".join(description["class_names"]) + "\n")
        if description["threshold"] is not None:
            archive.writestr(_CHANNEL_FILE, description["class_names"][1] + "\n")
        archive.writestr(DESCRIPTION_FILE, json.dumps(description, indent=2) + "\n")
    return held.getvalue()


def _metadata(source: Any, outputs: list[str], description: dict[str, Any]) -> bytes:
    """The flatbuffer of the metadata."""
    import flatbuffers

    _, height, width, channels = source.ShapeAsNumpy()
    size = _Table({0: _Number("Uint32", int(width)), 1: _Number("Uint32", int(height))})
    color_space = _Number("Uint8", _COLOR_SPACES.get(channels, _UNKNOWN))
    content = _Table({0: _Number("Uint8", _IMAGE_PROPERTIES), 1: _Table({0: color_space, 1: size})})
    image = {0: "image", 1: "Raw values of the image.", 3: content}
    if description["input"]["type"] == "float32":
        # Float images are refused without it: nothing is subtracted, nothing divided. One number stands for all
        # channels; MediaPipe refuses four.
        unchanged = _Table({0: [0.0], 1: [1.0]})
        image[4] = [_Table({0: _Number("Uint8", _NORMALIZATION), 1: unchanged})]
    low, high = description["input"]["range"]
    image[5] = _Table({0: [float(high)] * int(channels), 1: [float(low)] * int(channels)})
    meanings = description["outputs"]
    maps = [_Table({0: name, 1: meanings[name], 6: [_labels(name, description)]}) for name in outputs]
    graph = _Table({0: "segmenter", 2: [_Table(image)], 3: maps, 4: [_Table({0: DESCRIPTION_FILE})]})
    root = _Table({0: "keras_seg", 1: "Semantic segmentation.", 3: [graph], 7: _PARSER})
    builder = flatbuffers.Builder(1024)
    builder.Finish(_written(builder, root), _IDENTIFIER)
    return bytes(builder.Output())


def _labels(output: str, description: dict[str, Any]) -> _Table:
    """The file that names the classes of an output."""
    one_channel = description["threshold"] is not None and output != "class_ids"
    file, meaning = (_CHANNEL_FILE, "Class 1.") if one_channel else (LABEL_FILE, "One class per line.")
    return _Table({0: file, 1: meaning, 2: _Number("Uint8", _TENSOR_AXIS_LABELS)})


def _written(builder: Any, value: Any) -> int:
    """The offset of a table, list or text. The parts of a table must be written before it."""
    if isinstance(value, str):
        return builder.CreateString(value)
    if isinstance(value, list):
        return _vector(builder, value)
    offsets = {slot: _written(builder, part) for slot, part in value.fields.items() if not isinstance(part, _Number)}
    builder.StartObject(max(value.fields) + 1)
    for slot, part in value.fields.items():
        if isinstance(part, _Number):
            getattr(builder, f"Prepend{part.kind}Slot")(slot, part.value, 0)
        else:
            builder.PrependUOffsetTRelativeSlot(slot, offsets[slot], 0)
    return builder.EndObject()


def _vector(builder: Any, values: list[Any]) -> int:
    numbers = isinstance(values[0], float)
    offsets = values if numbers else [_written(builder, value) for value in values]
    builder.StartVector(4, len(values), 4)
    for item in reversed(offsets):
        builder.PrependFloat32(item) if numbers else builder.PrependUOffsetTRelative(item)
    return builder.EndVector()
