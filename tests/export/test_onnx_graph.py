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


def _resizing(model, path, **options):
    """(coordinates, rounding) of the nearest-neighbor resizing in the ONNX file of a model."""
    ks.export.onnx(model, path, **options)
    nodes = [node for node in files.load(path).graph.node if node.op_type == "Resize"]
    held = [{one.name: one.s.decode() for one in node.attribute} for node in nodes]
    return {(one["coordinate_transformation_mode"], one["nearest_mode"]) for one in held if one["mode"] == "nearest"}


@pytest.mark.parametrize(
    "options, form",
    [
        ({"input_size": 64}, ("asymmetric", "floor")),
        ({"input_size": (65, 97)}, ("asymmetric", "floor")),
        ({}, ("half_pixel", "round_prefer_ceil")),
    ],
    ids=["fixed", "padded", "any size"],
)
def test_nearest_neighbors_are_written_as_every_reader_takes_them(options, form, tmp_path):
    """TensorRT refuses "tf_half_pixel_for_nn", which tf2onnx writes."""
    model = ks.models.FPN(num_classes=3, backbone="Compact")
    assert _resizing(model, tmp_path / "m.onnx", **options) == {form}


@pytest.mark.parametrize("old", [2, 3, 5, 7, 12])
def test_nearest_neighbors_are_the_same_pixels(old, tmp_path):
    image = keras.Input((old, old, 3))
    news = (2, 3, 5, 6, 9, 15, 20, 28, 39)
    x = keras.layers.Softmax()(image)  # Numbers that the pixels of two positions do not share.
    maps = [keras.layers.Resizing(new, new, interpolation="nearest")(x) for new in news]
    # One map of all, side by side in a row.
    rows = [keras.layers.Reshape((1, new * new, 3))(one) for new, one in zip(news, maps, strict=True)]
    model = keras.Model(image, keras.layers.Concatenate(axis=2)(rows))
    noise = np.random.default_rng(0).normal(size=(2, old, old, 3)).astype("float32")
    report = ks.export.onnx(model, tmp_path / "m.onnx", images=noise)
    assert report.max_abs_difference < 1e-6


def test_another_reader_of_nearest_neighbors_agrees(tmp_path):
    """OpenCV reads ONNX by its own code."""
    cv2 = pytest.importorskip("cv2", reason="needs opencv")
    model = ks.models.FPN(num_classes=3, backbone="Compact")
    ks.export.onnx(model, tmp_path / "m.onnx", input_size=(64, 96), batch_size=1)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 96, 3)).astype("float32")
    net = cv2.dnn.readNetFromONNX(str(tmp_path / "m.onnx"))
    net.setInput(image)
    np.testing.assert_allclose(net.forward(), model.predict(image, verbose=0), atol=1e-4)


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
