"""Metadata added in front of a file, without unpacking it."""

import keras
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema

from keras_seg.export.tflite.metadata_entry import entry_before

pytestmark = pytest.mark.tensorflow_only
KERNEL = np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype("float32")


@pytest.fixture(scope="module")
def model():
    serve = tf.function(lambda image: {"y": tf.nn.relu(tf.nn.conv2d(image, KERNEL, 1, "SAME"))})
    concrete = serve.get_concrete_function(tf.TensorSpec((1, 8, 8, 3), name="image"))
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], tf.Module()).convert()


def with_entry(content, name, data):
    return entry_before(content, name, data) + content


def unpacked(content):
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))


def plain(value):
    """The content of an unpacked table as numbers, texts and lists."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return {key: plain(item) for key, item in vars(value).items()} if hasattr(value, "__dict__") else value


@pytest.mark.parametrize("length", [1, 7, 16, 1000, 100_001])
def test_what_was_there_stays(length, model):
    content = np.random.default_rng(length).bytes(length)
    made = with_entry(with_entry(model, "first", b"one"), "NAME", content)
    before, after = plain(unpacked(model)), plain(unpacked(made))
    entries = after["metadata"][-2:]
    assert [entry["name"] for entry in entries] == [b"first", b"NAME"]
    assert [bytes(after["buffers"][entry["buffer"]]["data"]) for entry in entries] == [b"one", content]
    assert after["buffers"][:-2] == before["buffers"]
    assert (after["metadata"][:-2] or None) == (before["metadata"] or None)
    for name in ("version", "operatorCodes", "subgraphs", "description", "metadataBuffer", "signatureDefs"):
        assert after[name] == before[name], name


def places(content):
    """Where the data of buffers lie, after what they are aligned by."""
    held = schema.Model.GetRootAsModel(content, 0)
    buffers = [buffer for buffer in map(held.Buffers, range(held.BuffersLength())) if buffer.DataLength()]
    return [buffer._tab.Vector(buffer._tab.Offset(4)) % 16 for buffer in buffers]


@pytest.mark.parametrize("tail", [0, 4, 12])
def test_data_stays_aligned(tail, model):
    """Runtimes read weights where they lie in the file, by instructions that want them aligned."""
    assert places(with_entry(bytes(model) + bytes(tail), "NAME", b"12345")) == [*places(model), 0]


def test_the_file_computes_the_same(model):
    from ai_edge_litert.interpreter import Interpreter

    image = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    files = (bytes(model), with_entry(bytes(model), "NAME", b"content"))
    first, second = (Interpreter(model_content=file).get_signature_runner()(image=image)["y"] for file in files)
    np.testing.assert_array_equal(first, second)


def test_files_with_weights_at_fixed_places_are_refused(model):
    """Files beyond 2 GB keep the places of weights in the file."""
    import flatbuffers

    content = unpacked(model)
    content.buffers[1].offset, content.buffers[1].size = 4096, 16
    builder = flatbuffers.Builder(1024)
    builder.Finish(content.Pack(builder), b"TFL3")
    with pytest.raises(RuntimeError, match="more than 2 GB"):
        with_entry(bytes(builder.Output()), "NAME", b"content")
