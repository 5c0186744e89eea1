"""ONNX files whose weights never went through the converter, and whose sizes are whole."""

import subprocess
import sys

import keras
import numpy as np
import pytest

import keras_seg as ks

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
files = pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("tf2onnx", reason="needs tf2onnx")


@pytest.mark.parametrize(
    "model",
    [
        lambda: ks.models.UNet(num_classes=3, filters=16, depth=2),
        lambda: ks.models.UNet(num_classes=3, backbone="MobileNetV2", decoder_filters=[32, 16, 16, 8, 8]),
        lambda: ks.models.FCN16s(num_classes=3, filters=(8, 16, 32, 64, 64), fc_filters=64),
    ],
    ids=["plain", "depthwise", "enlarging"],
)
def test_weights_are_constants_as_the_nodes_take_them(model, tmp_path):
    model = model()
    report = ks.export.onnx(model, tmp_path / "m.onnx", input_size=64)
    graph = files.load(tmp_path / "m.onnx").graph
    assert [source.name for source in graph.input] == ["image"]
    files.checker.check_model(str(tmp_path / "m.onnx"), full_check=True)
    constants = {constant.name: constant for constant in graph.initializer}
    large = {name: one for name, one in constants.items() if np.prod(one.dims) * 4 >= 2**14}
    assert large
    for node in graph.node:
        if large.keys() & set(node.input):
            assert node.op_type in ("Conv", "ConvTranspose"), node.op_type
    assert not set(constants) - {name for node in graph.node for name in node.input}
    # Once each, and the graph.
    assert 0.9 < report.size_bytes / (4 * model.count_params()) < 1.3


@pytest.mark.parametrize("size", [3, 6, 7, 11, 13])
def test_sizes_are_what_they_were(size, tmp_path):
    """ONNX has the factor between two sizes, and runtimes round the product down."""
    image = keras.Input((size, size, 3))
    x = keras.layers.Rescaling(1 / 255)(image)
    enlarged = [keras.layers.Resizing(other, other)(x) for other in (20, 28, 41, 53, 97)]
    pooled = [keras.layers.Rescaling(n)(keras.layers.GlobalAveragePooling2D()(x)) for n, x in enumerate(enlarged)]
    model = keras.Model(image, keras.layers.Reshape((1, 1, -1))(keras.layers.Concatenate()(pooled)))
    report = ks.export.onnx(model, tmp_path / "m.onnx")
    assert report.max_abs_difference < 1e-4
    shapes = files.shape_inference.infer_shapes(files.load(tmp_path / "m.onnx"), strict_mode=True).graph.value_info
    found = {shape.name: [dim.dim_value for dim in shape.type.tensor_type.shape.dim] for shape in shapes}
    nodes = [node for node in files.load(tmp_path / "m.onnx").graph.node if node.op_type == "Resize"]
    assert sorted(found[node.output[0]][-1] for node in nodes) == [20, 28, 41, 53, 97]


MEASURED = """
import resource
import keras_seg as ks
model = ks.models.FCN32s(num_classes=2, fc_filters=1024)
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
ks.export.onnx(model, r"{path}", input_size=32)
print((peak() - before) / (4 * model.count_params()))
"""


@pytest.mark.slow
def test_memory(tmp_path):
    """Half a gigabyte of weights must fit into a laptop; tf2onnx alone takes 35 times their size."""
    code = MEASURED.format(path=tmp_path / "m.onnx")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(found.stdout.split()[-1]) < 18


def test_gelu(tmp_path):
    """TensorFlow writes it in the complement of the error function, which tf2onnx does not know."""
    image = keras.Input((8, 8, 3))
    scaled = keras.layers.Rescaling(1 / 64, offset=-2)(image)
    x = keras.layers.Activation("gelu")(keras.layers.Conv2D(4, 1, name="scores")(scaled))
    report = ks.export.onnx(keras.Model(image, x), tmp_path / "m.onnx")
    assert report.max_abs_difference < 1e-5
    assert "Erf" in report.ops
