"""Clients that have never heard of us: LiteRT with one and two threads, TensorFlow Serving, processes without Keras."""

import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg.export.saved_model_format import SAVED_MODEL

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    """A SavedModel of any size, both outputs, and its report."""
    path = tmp_path_factory.mktemp("served") / "sm"
    return path, ks.export.saved_model(model, path, input="uint8", output="both")


def noise(*shape, seed=1):
    return np.random.default_rng(seed).uniform(0, 255, shape).astype("float32")


def test_one_and_two_threads_give_the_same_ids(model, tmp_path):
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=(61, 90), output="both")
    image = noise(1, 61, 90, 3)
    found = {}
    for threads in (1, 2):
        run = interpreter.Interpreter(str(tmp_path / "m.tflite"), num_threads=threads).get_signature_runner()
        found[threads] = run(image=image)
    np.testing.assert_array_equal(found[1]["class_ids"], found[2]["class_ids"])
    np.testing.assert_allclose(found[1]["probabilities"], found[2]["probabilities"], atol=1e-6)
    assert len(np.unique(found[1]["class_ids"])) > 1


@pytest.mark.thorough
def test_any_size_in_one_tflite_file(model, tmp_path):
    """As a client does it that sets the size itself: twice, and back to the first."""
    interpreter = pytest.importorskip("ai_edge_litert.interpreter")
    report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=(None, None))
    assert (report.images, report.agreement) == (4, 1.0)
    assert report.max_abs_difference < 1e-5
    lite = interpreter.Interpreter(str(tmp_path / "m.tflite"))
    source, target = lite.get_input_details()[0], lite.get_output_details()[0]
    np.testing.assert_array_equal(source["shape_signature"], [1, -1, -1, 3])
    first = []
    for size in ((30, 41), (64, 50), (30, 41)):
        image = noise(1, *size, 3)
        lite.resize_tensor_input(source["index"], image.shape)
        lite.allocate_tensors()
        lite.set_tensor(source["index"], image)
        lite.invoke()
        first.append(lite.get_tensor(target["index"]))
        np.testing.assert_allclose(first[-1], model.predict(image, verbose=0), atol=1e-5)
    np.testing.assert_array_equal(first[0], first[2])


@pytest.mark.slow
@pytest.mark.parametrize("quantize", ["float16", "dynamic"])
def test_any_size_with_smaller_weights(quantize, model, tmp_path):
    report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=(None, 48), quantize=quantize)
    assert report.input_shape[2:] == (48, 3)
    assert report.max_abs_difference < 0.05


def test_the_signature_that_tensorflow_serving_reads(served):
    """From the protobuf itself, as `saved_model_cli show` prints it."""
    from tensorflow.core.framework import types_pb2 as types
    from tensorflow.core.protobuf import saved_model_pb2

    content = saved_model_pb2.SavedModel.FromString((served[0] / "saved_model.pb").read_bytes())
    (graph,) = content.meta_graphs
    assert list(graph.meta_info_def.tags) == ["serve"]
    signature = graph.signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"

    def read(tensors):
        return {name: (one.dtype, [axis.size for axis in one.tensor_shape.dim]) for name, one in tensors.items()}

    assert read(signature.inputs) == {"image": (types.DT_UINT8, [-1, -1, -1, 3])}
    assert read(signature.outputs) == {
        "probabilities": (types.DT_FLOAT, [-1, -1, -1, 3]),
        "class_ids": (types.DT_INT32, [-1, -1, -1]),
    }


@pytest.mark.slow
def test_a_process_where_keras_cannot_be_imported(served, model, tmp_path):
    image = noise(2, 50, 77, 3).round().astype("uint8")
    np.save(tmp_path / "image.npy", image)
    code = f"""
import sys
sys.modules.update(dict.fromkeys(["keras", "keras_seg", "tf_keras"]))  # None: importing any of them fails.
import numpy as np, tensorflow as tf
serve = tf.saved_model.load({str(served[0])!r}).signatures["serving_default"]
found = serve(image=tf.constant(np.load("image.npy")))
np.savez("found.npz", **{{name: value.numpy() for name, value in found.items()}})
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    expected = model.predict(image.astype("float32"), verbose=0)
    with np.load(tmp_path / "found.npz") as found:
        np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)
        np.testing.assert_array_equal(found["class_ids"], found["probabilities"].argmax(-1))


@pytest.mark.slow
@pytest.mark.thorough
def test_onnx_runtime_and_openvino_by_name(model, tmp_path):
    """Other people's readers: names, types and free axes."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    ks.export.onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    (source,), (target,) = session.get_inputs(), session.get_outputs()
    assert (source.name, source.type, source.shape[3]) == ("image", "tensor(float)", 3)
    assert not any(isinstance(axis, int) for axis in source.shape[:3])
    assert target.name == "probabilities"
    image = noise(2, 33, 47, 3)
    (scores,) = session.run(None, {"image": image})
    np.testing.assert_allclose(scores, model.predict(image, verbose=0), atol=1e-4)


@pytest.mark.slow
def test_openvino_by_name(model, tmp_path):
    ov = pytest.importorskip("openvino")
    ks.export.openvino(model, tmp_path / "m.xml", input="uint8", output="both")
    compiled = ov.Core().compile_model(tmp_path / "m.xml", "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    image = noise(1, 33, 47, 3).round().astype("uint8")
    found = compiled({"image": image})
    expected = model.predict(image.astype("float32"), verbose=0)
    np.testing.assert_allclose(found["probabilities"], expected, atol=1e-4)
    np.testing.assert_array_equal(found["class_ids"], found["probabilities"].argmax(-1))


def test_threads_are_stated_as_they_are(served):
    import tensorflow as tf

    report = served[1]
    expected = tf.config.threading.get_intra_op_parallelism_threads() or len(os.sched_getaffinity(0))
    assert report.threads == expected
    stored = json.loads((served[0].parent / "export_report.json").read_text())["sm"]
    assert (stored["threads"], stored["timed_batch"]) == (expected, 1)


def test_threads_where_the_system_does_not_tell_the_cores_of_a_process(served, monkeypatch):
    """As macOS and Windows, whose `os` has no function for it."""
    import tensorflow as tf

    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 7)
    assert SAVED_MODEL.load(served[0]).threads == (tf.config.threading.get_intra_op_parallelism_threads() or 7)
