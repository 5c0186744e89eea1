"""An entry in the metadata of a TFLite file, without unpacking what the file holds already.

A flatbuffer is written from its end, and each table says how far behind it the parts lie that it refers to. So a new
root in front of a file can refer to all that the old root referred to. Unpacking a file of half a gigabyte and packing
it again takes three copies of it; this takes none.

Reference: tensorflow/compiler/mlir/lite/schema/schema.fbs, tables Model, Buffer and Metadata.
"""

from collections.abc import Sequence
from typing import Any

# By which runtimes want the data of buffers to be aligned.
_ALIGNMENT = 16
# Fields of a Model, in the order of the schema.
_VERSION, _BUFFERS, _METADATA, _FIELDS = 0, 4, 6, 8


def entry_before(model: bytes, name: str, content: bytes) -> bytes:
    """What is to be written in front of a TFLite file to give its metadata one more entry.

    Args:
        model: bytes of a TFLite file.
        name: str. That of the entry.
        content: bytes. What the entry holds.
    """
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    root: Any = schema.Model.GetRootAsModel(model, 0)
    buffers = [root.Buffers(place) for place in range(root.BuffersLength())]
    entries = [root.Metadata(place) for place in range(root.MetadataLength())]
    if any(buffer.Offset() > 1 for buffer in buffers):
        raise RuntimeError("files of more than 2 GB keep weights at fixed places, where metadata cannot be added")
    # Places are counted from the end of the new part, where the old file begins: in it they are below zero.
    builder: Any = flatbuffers.Builder()
    builder.minalign = _ALIGNMENT

    def tables(old: Sequence[Any], new: int) -> int:
        builder.StartVector(4, len(old) + 1, 4)
        builder.PrependUOffsetTRelative(new)
        for table in reversed(old):
            builder.PrependUOffsetTRelative(-table._tab.Pos)
        return builder.EndVector()

    builder.StartVector(1, len(content), _ALIGNMENT)
    builder.head -= len(content)
    builder.Bytes[builder.head : builder.head + len(content)] = content
    data = builder.EndVector()
    builder.StartObject(1)
    builder.PrependUOffsetTRelativeSlot(0, data, 0)
    buffer = builder.EndObject()
    named = builder.CreateString(name)
    builder.StartObject(2)
    builder.PrependUint32Slot(1, len(buffers), 0)
    builder.PrependUOffsetTRelativeSlot(0, named, 0)
    entry = builder.EndObject()
    made = {_BUFFERS: tables(buffers, buffer), _METADATA: tables(entries, entry)}
    builder.StartObject(_FIELDS)
    builder.PrependUint32Slot(_VERSION, root.Version(), 0)
    for field in range(1, _FIELDS):
        if field in made:
            builder.PrependUOffsetTRelativeSlot(field, made[field], 0)
        elif place := root._tab.Offset(4 + 2 * field):
            builder.PrependUOffsetTRelativeSlot(field, -root._tab.Indirect(root._tab.Pos + place), 0)
    builder.Finish(builder.EndObject(), b"TFL3")
    return bytes(builder.Output())
