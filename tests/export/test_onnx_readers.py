"""Which programs read an ONNX file: the rules, and the programs themselves where they are installed."""

import json
import pathlib

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.export.onnx_readers import operators
from keras_seg.export.onnx_readers.check import check_file
from keras_seg.export.onnx_readers.rules import RULES

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
onnx = pytest.importorskip("onnx", reason="needs onnx")
helper, numpy_helper, TensorProto = onnx.helper, onnx.numpy_helper, onnx.TensorProto
runtime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")
pytest.importorskip("tf2onnx", reason="needs tf2onnx")

SHAPE = (1, 4, 6, 8)
MAP = np.random.default_rng(0).normal(size=SHAPE).astype("float32")
FLOAT, INT32, INT64 = TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64
ALL = {"tensorrt", "opencv", "webgpu", "onnx2tf"}


def one(op, *constants, to=FLOAT, **attributes):
    """(the nodes, their constants, the type of the result) of one operator on the map."""
    names = [f"c{number}" for number in range(len(constants))]
    inputs = ["x", *(name if value is not None else "" for name, value in zip(names, constants, strict=True))]
    given = {name: value for name, value in zip(names, constants, strict=True) if value is not None}
    return [helper.make_node(op, inputs, ["y"], **attributes)], given, to


def converted(to):
    return [helper.make_node("Cast", ["x"], ["y"], to=to)], {}, to


def resize(mode, coordinates, *factors, **attributes):
    attributes |= {"mode": mode, "coordinate_transformation_mode": coordinates}
    return one("Resize", None, np.array(factors, "float32"), **attributes)


def logical(op):
    nodes = [helper.make_node("Greater", ["x", "zero"], ["a"]), helper.make_node("Less", ["x", "one"], ["b"])]
    nodes += [helper.make_node(op, ["a", "b"], ["c"]), helper.make_node("Cast", ["c"], ["y"], to=FLOAT)]
    return nodes, {"zero": np.float32(0), "one": np.float32(1)}, FLOAT


def ids_from_rows():
    """Class ids as TensorFlow's argmax of a matrix gives them."""
    nodes = [
        helper.make_node("Reshape", ["x", "rows"], ["a"]),
        helper.make_node("ArgMax", ["a"], ["b"], axis=1, keepdims=0),
    ]
    nodes += [helper.make_node("Cast", ["b"], ["c"], to=INT32), helper.make_node("Reshape", ["c", "shape"], ["y"])]
    return nodes, {"rows": np.array([24, 8]), "shape": np.array([1, 4, 6])}, INT32


def rounded():
    nodes = [helper.make_node("Floor", ["x"], ["a"]), helper.make_node("Mul", ["a", "two"], ["b"])]
    return [*nodes, helper.make_node("Cast", ["b"], ["y"], to=INT32)], {"two": np.float32(2)}, INT32


# What is computed: the readers that refuse it, or compute it otherwise.
OPERATIONS = {
    "convolution": (one("Conv", np.ones((2, 4, 3, 3), "float32"), kernel_shape=[3, 3]), set()),
    "pooling": (one("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), set()),
    "dilated pooling": (one("MaxPool", kernel_shape=[2, 2], dilations=[2, 2]), {"tensorrt", "opencv"}),
    "shuffled": (one("DepthToSpace", blocksize=2), set()),
    "nearest": (resize("nearest", "asymmetric", 1, 1, 2, 2, nearest_mode="floor"), set()),
    "nearest, half a pixel": (resize("nearest", "half_pixel", 1, 1, 1.5, 1.5, nearest_mode="round_prefer_ceil"), set()),
    "nearest of TensorFlow": (
        resize("nearest", "tf_half_pixel_for_nn", 1, 1, 1.5, 1.5, nearest_mode="floor"),
        {"tensorrt"},
    ),
    "nearest, rounded": (
        resize("nearest", "asymmetric", 1, 1, 1.5, 1.5, nearest_mode="round_prefer_ceil"),
        {"opencv"},
    ),
    "bilinear": (resize("linear", "half_pixel", 1, 1, 2, 3), set()),
    "bilinear, other axes": (resize("linear", "half_pixel", 1, 2, 2, 1), {"opencv"}),
    "cubic": (resize("cubic", "half_pixel", 1, 1, 2, 2), {"tensorrt", "opencv"}),
    "padded": (one("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1])), set()),
    "cropped by padding": (one("Pad", np.array([0, 0, -1, 1, 0, 0, 1, 1])), {"opencv"}),
    "reflected": (one("Pad", np.array([0, 0, 1, 1, 0, 0, 1, 1]), mode="reflect"), set()),
    "other axes reflected": (one("Pad", np.array([0, 1, 1, 0, 0, 1, 1, 0]), mode="reflect"), {"opencv"}),
    "reversed": (one("Slice", *np.array([[-1], [-99], [3], [-1]])), {"opencv"}),
    "strided": (one("Slice", *np.array([[0], [6], [2], [2]])), set()),
    "and": (logical("And"), {"opencv", "webgpu"}),
    "or": (logical("Or"), {"opencv", "webgpu"}),
    "constant truth values": (
        ([helper.make_node("Where", ["t", "x", "z"], ["y"])], {"t": np.arange(8) > 3, "z": np.float32(0)}, FLOAT),
        {"opencv"},
    ),
    "to integers": (converted(INT32), {"opencv"}),
    "whole numbers to integers": (rounded(), set()),
    "class ids": (ids_from_rows(), {"opencv", "webgpu"}),
    "positions": (one("NonZero", to=INT64), {"opencv", "webgpu"}),
    "bytes": (converted(TensorProto.UINT8), {"opencv", "webgpu"}),
}


def computed(path):
    """The results of a file on the map under ONNX Runtime."""
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": MAP})[0]


def written(operation, path, opset=17):
    """An ONNX file that another program could have written."""
    nodes, constants, to = operation
    given = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    source = helper.make_tensor_value_info("x", FLOAT, SHAPE)

    def save(shape):
        graph = helper.make_graph(nodes, "g", [source], [helper.make_tensor_value_info("y", to, shape)], given)
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)

    save(None)
    save(computed(path).shape)  # OpenCV wants it.
    return path


def refusing(path):
    """{the readers that refuse a node: the nodes}."""
    return {check.delegate: check.refused for check in check_file(path) if not check.complete}


@pytest.mark.parametrize("kind", OPERATIONS)
def test_rules(kind, tmp_path):
    operation, readers = OPERATIONS[kind]
    found = refusing(written(operation, tmp_path / "m.onnx"))
    assert set(found) == readers
    assert all(node.op and node.layer and node.reason and node.fix.endswith(".") for r in found.values() for node in r)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_what_opencv_takes_it_computes(kind, tmp_path):
    cv2 = pytest.importorskip("cv2", reason="needs opencv")
    operation, readers = OPERATIONS[kind]
    path = written(operation, tmp_path / "m.onnx")
    if "opencv" in readers and not cv2.__version__.startswith("4."):
        pytest.skip(f"the rule is of OpenCV 4, and this is {cv2.__version__}")
    try:
        net = cv2.dnn.readNetFromONNX(str(path))
        net.setInput(MAP)
        found = net.forward()
    except cv2.error:
        assert "opencv" in readers
        return
    if kind == "class ids":
        pytest.skip("is wrong within a network, where OpenCV uses memory again")
    expected = computed(path)
    assert (found.shape == expected.shape and np.allclose(found, expected, atol=1e-5)) == ("opencv" not in readers)


def test_operators_are_those_of_opset_17():
    for names in (operators.TENSORRT, operators.OPENCV, operators.WEBGPU, operators.ONNX2TF):
        assert all(onnx.defs.has(name, operators.NEWEST_OPSET) for name in names)


def test_newer_and_foreign_operators_are_refused_by_all(tmp_path):
    newer = written(([helper.make_node("Gelu", ["x"], ["y"])], {}, FLOAT), tmp_path / "newer.onnx", opset=20)
    graph = onnx.load(newer)
    graph.graph.node[0].domain = "com.microsoft"
    graph.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    onnx.save(graph, tmp_path / "foreign.onnx")
    for name in ("newer", "foreign"):
        found = refusing(tmp_path / f"{name}.onnx")
        assert set(found) == set(RULES) == ALL
        assert found["tensorrt"][0].reason == "no operator of ONNX up to opset 17"


def test_nodes_of_branches_are_looked_at(tmp_path):
    shaped = helper.make_tensor_value_info("b", FLOAT, SHAPE)
    branches = {
        name: helper.make_graph([helper.make_node(op, ["x"], ["b"], name=f"in_{op}")], name, [], [shaped])
        for name, op in (("then_branch", "Relu"), ("else_branch", "Det"))
    }
    node = helper.make_node("If", ["yes"], ["y"], name="if", **branches)
    path = tmp_path / "m.onnx"
    ends = [helper.make_tensor_value_info("x", FLOAT, SHAPE)], [helper.make_tensor_value_info("y", FLOAT, None)]
    graph = helper.make_graph([node], "g", *ends, [numpy_helper.from_array(np.array(True), "yes")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    found = refusing(path)
    assert [node.layer for node in found["tensorrt"]] == ["in_Det"]
    assert "if" in [node.layer for node in found["opencv"]]


MODELS = {
    "UNet": lambda: ks.models.UNet(num_classes=3, filters=8, depth=2),
    "FPN": lambda: ks.models.FPN(num_classes=3, backbone="Compact"),
    "LinkNet": lambda: ks.models.LinkNet(num_classes=3, backbone="Compact"),
    "PSPNet": lambda: ks.models.PSPNet(num_classes=3, backbone="Compact"),
    "DeepLabV3Plus": lambda: ks.models.DeepLabV3Plus(num_classes=3, backbone="Compact"),
    "SegNet": lambda: ks.models.SegNet(num_classes=3, filters=(8, 16, 16, 16, 16)),
}


class Exported(dict):
    """(report, images, scores of Keras) of the models by name and output, exported when first asked for."""

    def __init__(self, folder):
        super().__init__()
        self.folder = folder

    def __missing__(self, key):
        name, options = key
        keras.utils.set_random_seed(0)
        model = MODELS[name]()
        images = np.random.default_rng(1).integers(0, 256, (1, 160, 224, 3)).astype("float32")
        path = self.folder / f"{name}_{len(self)}.onnx"
        report = ks.export.onnx(model, path, class_names=("a", "b", "c"), **dict(options))
        self[key] = report, images, model.predict(images, verbose=0)
        return self[key]


FIXED = (("batch_size", 1), ("input_size", (160, 224)), ("output", "both"))


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    return Exported(tmp_path_factory.mktemp("exported"))


@pytest.mark.parametrize("name", MODELS)
def test_models_of_fixed_size_are_read_by_all(name, exported):
    report, _, _ = exported[name, FIXED]
    found = {check.delegate: check for check in report.delegates}
    assert set(found) == ALL
    for reader in ALL - {"webgpu"}:
        assert found[reader].complete, found[reader].refusals()
        assert f"{found[reader].title:14}{found[reader].nodes} of {found[reader].nodes} nodes\n" in f"{report}\n"
    # Older versions of WebGPU's kernels have no maximum of two maps.
    assert {node.op for node in found["webgpu"].refused} <= {"Max"}


@pytest.mark.parametrize("name", MODELS)
def test_opencv_agrees_with_keras(name, exported):
    cv2 = pytest.importorskip("cv2", reason="needs opencv")
    report, images, expected = exported[name, FIXED]
    net = cv2.dnn.readNetFromONNX(report.path)
    net.setInput(images)
    scores, ids = net.forward(["probabilities", "class_ids"])
    np.testing.assert_allclose(scores, expected, atol=1e-3)
    assert (ids == expected.argmax(-1)).mean() > 0.999


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow) for name in MODELS])
def test_onnx2tf_agrees_with_keras(name, exported, tmp_path, monkeypatch):
    onnx2tf = pytest.importorskip("onnx2tf", reason="needs onnx2tf")
    import sys

    import tensorflow as tf

    report, images, expected = exported[name, FIXED]
    # It loads images from the internet to compare its own steps on.
    for module in [module for module in sys.modules.values() if hasattr(module, "download_test_image_data")]:
        monkeypatch.setattr(module, "download_test_image_data", lambda: np.zeros((20, 128, 128, 3), "float32"))
    folder = str(tmp_path / "converted")
    options = {"non_verbose": True, "keep_shape_absolutely_input_names": ["image"]}
    onnx2tf.convert(input_onnx_file_path=report.path, output_folder_path=folder, **options)
    (file,) = (tmp_path / "converted").glob("*_float32.tflite")
    interpreter = tf.lite.Interpreter(str(file))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    interpreter.invoke()
    found = {len(out["shape"]): interpreter.get_tensor(out["index"]) for out in interpreter.get_output_details()}
    np.testing.assert_allclose(found[4], expected, atol=1e-3)
    assert (found[3] == expected.argmax(-1)).mean() > 0.999


def test_opencv_takes_any_batch_as_one_image(exported):
    cv2 = pytest.importorskip("cv2", reason="needs opencv")
    report, images, expected = exported["SegNet", (("input_size", (160, 224)),)]
    (check,) = (check for check in report.delegates if check.delegate == "opencv")
    assert check.complete, check.refusals()
    net = cv2.dnn.readNetFromONNX(report.path)
    net.setInput(images)
    np.testing.assert_allclose(net.forward(), expected, atol=1e-3)


def test_any_size(exported):
    report, _, _ = exported["UNet", ()]
    found = {check.delegate: check for check in report.delegates}
    assert found["tensorrt"].complete
    for reader in ("opencv", "onnx2tf"):
        assert "a size known only at run time" in {node.reason for node in found[reader].refused}
    text = str(report)
    assert "Refused by OpenCV 4:\n" in text and "Left to the processor by ORT Web GPU:\n" in text
    assert "TensorRT 10   " in text and "Refused by TensorRT 10" not in text
    assert max(len(line) for line in text.splitlines() if report.path not in line) <= 80


def test_equal_axes_are_named_for_onnx2tf(tmp_path):
    """At 64x64 a map of 16 channels is 16x16: onnx2tf 1.29 gives NaN for this model."""
    report = ks.export.onnx(MODELS["LinkNet"](), tmp_path / "m.onnx", input_size=64, batch_size=1)
    (check,) = (check for check in report.delegates if not check.complete)
    (node,) = check.refused
    assert (check.delegate, node.op) == ("onnx2tf", "ConvTranspose")
    assert node.reason == "axes of equal size (1 x 16 x 16 x 16), which it may confuse"
    stored = json.loads((tmp_path / "export_report.json").read_text())["m.onnx"]["delegates"]
    assert stored[-1]["refused"][0]["layer"] == node.layer
    assert "linknet" in node.layer


def test_the_description_is_in_the_file(exported):
    report, _, _ = exported["UNet", FIXED]
    found = {entry.key: json.loads(entry.value) for entry in onnx.load(report.path).metadata_props}
    beside = json.loads(pathlib.Path(f"{report.path}.json").read_text(encoding="utf-8"))
    assert beside.pop("digest") and found == beside
    assert (found["class_names"], found["output"]) == (["a", "b", "c"], "both")
    assert (found["model"], found["keras_seg_version"]) == ("unet", ks.__version__)
    assert found["input"]["preprocessing"] == "none" and found["input"]["range"] == [0, 255]
    # As its users read it, without the package.
    assert runtime.InferenceSession(report.path).get_modelmeta().custom_metadata_map["class_names"] == '["a", "b", "c"]'


def test_a_file_alone_is_loaded_by_its_own_description(exported, tmp_path):
    report, images, expected = exported["UNet", FIXED]
    (tmp_path / "alone.onnx").write_bytes(pathlib.Path(report.path).read_bytes())
    loaded = ks.export.load(tmp_path / "alone.onnx")
    assert loaded.description["class_names"] == ["a", "b", "c"]
    np.testing.assert_allclose(loaded.predict_on_batch(images), expected, atol=1e-3)


def message(path):
    with pytest.raises(InputError) as caught:
        ks.export.load(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("beside", [True, False], ids=["described beside", "alone"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_that_was_cut(share, beside, exported, tmp_path):
    report, _, _ = exported["UNet", FIXED]
    content, path = pathlib.Path(report.path).read_bytes(), tmp_path / "m.onnx"
    path.write_bytes(content[: int(share * len(content))])
    if beside:
        (tmp_path / "m.onnx.json").write_bytes(pathlib.Path(f"{report.path}.json").read_bytes())
    assert message(path) == (
        f"{path}: cannot be read as ONNX; a part seems to be missing. Export or download it again."
    )


def test_weights_in_a_file_of_their_own(exported, tmp_path):
    report, images, expected = exported["UNet", FIXED]
    path, weights = tmp_path / "m.onnx", tmp_path / "m.weights"
    onnx.save(onnx.load(report.path), path, save_as_external_data=True, location=weights.name, size_threshold=256)
    np.testing.assert_allclose(ks.export.load(path).predict_on_batch(images), expected, atol=1e-3)
    assert check_file(path)[0].complete
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-8])
    assert message(path) == f"{path}: a part of m.weights, which holds its weights, is missing. Copy the file again."
    weights.unlink()
    assert message(path) == (
        f"{path}: keeps its weights in m.weights, which is not beside it. Copy both into one folder."
    )


def test_check_readers_takes_files_of_other_programs(tmp_path):
    path = written(OPERATIONS["cubic"][0], tmp_path / "m.onnx")
    report = ks.export.check_readers(path)
    assert {check.delegate for check in report.checks} == ALL and not report.complete
    assert report["opencv"].refused and report["onnx2tf"].complete
    chosen = ks.export.check_readers(str(path), readers=["webgpu", "webgpu"])
    assert [check.delegate for check in chosen.checks] == ["webgpu"] and chosen.complete
    assert "Refused by OpenCV 4:" in str(report) and "OpenCV" not in str(chosen)
    assert report.to_dict()["half_precision"] is None


@pytest.mark.parametrize(
    ("name", "readers", "words"),
    [
        ("m.onnx", "opencv", "`readers` must be a sequence"),
        ("m.onnx", [], "`readers` must be a sequence"),
        ("m.onnx", ["gpu"], "`readers` is not a known option"),
        ("none.onnx", ["opencv"], "none.onnx: no such file."),
        ("", ["opencv"], ": no such file."),
        ("m.tflite", ["opencv"], "m.tflite: cannot be read as ONNX"),
    ],
)
def test_check_readers_refuses_in_one_line(name, readers, words, tmp_path):
    written(OPERATIONS["cubic"][0], tmp_path / "m.onnx")
    (tmp_path / "m.tflite").write_bytes(b"    TFL3" + bytes(64))
    with pytest.raises(InputError) as caught:
        ks.export.check_readers(tmp_path / name, readers=readers)
    assert words in str(caught.value) and "\n" not in str(caught.value)
