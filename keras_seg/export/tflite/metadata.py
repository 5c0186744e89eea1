"""TFLite Metadata: how MediaPipe and ML Kit learn what goes into a file and what comes out.

The metadata is a flatbuffer of its own, held in a buffer of the model; label files follow the model as a zip archive.
Its writer in mediapipe 1.2 cannot be imported, and needs mediapipe, so the few tables that a segmenter needs are
written here, by the positions that their fields have in the published schema.

Reference: TensorFlow Lite Support, `metadata_schema.fbs`, version 1.5.
"""

import dataclasses
import io
import json
import zipfile
from typing import Any

LABEL_FILE, DESCRIPTION_FILE = "labels.txt", "keras_seg.json"
_NAME, _IDENTIFIER, _PARSER = "TFLITE_METADATA", b"M001", "1.5.0"
# Of the schema's enums and unions.
_TENSOR_AXIS_LABELS, _RGB, _GRAYSCALE, _IMAGE_PROPERTIES, _NORMALIZATION = 2, 1, 2, 2, 1


@dataclasses.dataclass(frozen=True)
class _Table:
    """A table of the schema: values by position of their field."""

    fields: dict


@dataclasses.dataclass(frozen=True)
class _Number:
    """A number within a table; `kind` is how the flatbuffers builder calls its type."""

    kind: str
    value: int


def with_metadata(model, description):
    """A TFLite file with metadata.

    Args:
        model: bytes of a TFLite file with one input.
        description: what `described` gives.

    Returns:
        bytes.
    """
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
    graph = content.subgraphs[0]
    source = graph.tensors[graph.inputs[0]]
    outputs = [graph.tensors[index] for index in graph.outputs]
    buffer, entry = schema.BufferT(), schema.MetadataT()
    buffer.data = list(_metadata(source, outputs, description))
    entry.name, entry.buffer = _NAME, len(content.buffers)
    content.buffers.append(buffer)
    content.metadata = [*(content.metadata or []), entry]
    builder = flatbuffers.Builder(len(model))
    builder.Finish(content.Pack(builder), b"TFL3")
    return bytes(builder.Output()) + _archive(description)


def _archive(description):
    """The associated files, stored as they are so that a client can map them."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(LABEL_FILE, "\n".join(description["class_names"]) + "\n")
        archive.writestr(DESCRIPTION_FILE, json.dumps(description, indent=2) + "\n")
    return held.getvalue()


def _metadata(source, outputs, description):
    """The metadata's own flatbuffer."""
    import flatbuffers

    _, height, width, channels = source.shape
    size = _Table({0: _Number("Uint32", int(width)), 1: _Number("Uint32", int(height))})
    color_space = _Number("Uint8", _RGB if channels == 3 else _GRAYSCALE)
    content = _Table({0: _Number("Uint8", _IMAGE_PROPERTIES), 1: _Table({0: color_space, 1: size})})
    image = {0: "image", 1: "Raw values of the image.", 3: content}
    if description["input"]["type"] == "float32":
        # Float images are refused without it: nothing is subtracted, nothing divided.
        unchanged = _Table({0: [0.0] * int(channels), 1: [1.0] * int(channels)})
        image[4] = [_Table({0: _Number("Uint8", _NORMALIZATION), 1: unchanged})]
    low, high = description["input"]["range"]
    image[5] = _Table({0: [float(high)] * int(channels), 1: [float(low)] * int(channels)})
    labels = _Table({0: LABEL_FILE, 1: "A class a line.", 2: _Number("Uint8", _TENSOR_AXIS_LABELS)})
    maps = [_Table({0: name, 1: text, 6: [labels]}) for name, text in map(_of_output, outputs)]
    graph = _Table({0: "segmenter", 2: [_Table(image)], 3: maps, 4: [_Table({0: DESCRIPTION_FILE})]})
    root = _Table({0: "keras_seg", 1: "Semantic segmentation.", 3: [graph], 7: _PARSER})
    builder = flatbuffers.Builder(1024)
    builder.Finish(_written(builder, root), _IDENTIFIER)
    return bytes(builder.Output())


def _of_output(tensor):
    """(name, description) of an output."""
    if len(tensor.shape) == 4:
        return "probabilities", "Probability of each class at each pixel."
    return "class_ids", "The most probable class at each pixel."


def _written(builder, value):
    """The offset of a table, list or text. What a table refers to must be written before it."""
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


def _vector(builder, values: list[Any]):
    numbers = isinstance(values[0], float)
    offsets = values if numbers else [_written(builder, value) for value in values]
    builder.StartVector(4, len(values), 4)
    for item in reversed(offsets):
        builder.PrependFloat32(item) if numbers else builder.PrependUOffsetTRelative(item)
    return builder.EndVector()
