"""What the GPUs and neural processors of devices take of a TFLite file."""

import json

import keras
import numpy as np
import pytest

import keras_seg as ks

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

import tensorflow as tf

from keras_seg.export.delegates import gpu_process
from keras_seg.export.delegates.gpu_run import run_on_gpu
from keras_seg.export.delegates.partitions import count_partitions
from keras_seg.export.file_graph import FileGraph, Node, Tensor

pytestmark = pytest.mark.tensorflow_only

SHAPE = (1, 8, 8, 4)
KERNEL = np.random.default_rng(0).normal(size=(3, 3, 4, 4)).astype("float32")


def conv(x):
    return tf.nn.conv2d(x, KERNEL, 1, "SAME")


AROUND = [[0, 0], [1, 1], [1, 1], [0, 0]]


def zeros_around(x):
    return tf.pad(conv(x), AROUND)


# What is computed: what a phone's GPU refuses of it, and why; None where it takes all of it.
OPERATIONS = {
    "channels as batch": (
        lambda x: tf.nn.conv2d(tf.transpose(conv(x), (3, 1, 2, 0)), KERNEL[:, :, :1, :1], 1, "SAME"),
        "CONV_2D",
        "several maps in the batch axis",
    ),
    "argmax": (lambda x: tf.argmax(conv(x), -1, output_type=tf.int32), "ARG_MAX", "no such operator"),
    "gather_nd": (lambda x: tf.gather_nd(conv(x), [[[0, 1, 2]]]), "GATHER_ND", "no such operator"),
    "broadcast_to": (
        lambda x: tf.broadcast_to(tf.reduce_mean(conv(x), (1, 2), keepdims=True), SHAPE),
        "BROADCAST_TO",
        "no such operator",
    ),
    "five axes": (lambda x: tf.reshape(tf.reshape(conv(x), (1, 4, 2, 8, 4)) * 2.0, SHAPE), "MUL", "5 axes"),
    "axis removed": (lambda x: conv(x)[..., 0], "STRIDED_SLICE", "removes"),
    "symmetric": (
        lambda x: tf.pad(conv(x), [[0, 0], [1, 1], [1, 1], [0, 0]], "SYMMETRIC"),
        "MIRROR_PAD",
        "symmetric padding",
    ),
    "int64": (lambda x: tf.cast(conv(x), tf.int64), "CAST", "float32 to int64"),
    "where": (lambda x: tf.where(conv(x) > 0), "WHERE", "no such operator"),
    "zeros averaged": (lambda x: tf.nn.avg_pool2d(zeros_around(x), 3, 2, "VALID"), "AVERAGE_POOL_2D", "that counts"),
    "zeros above": (lambda x: tf.nn.max_pool2d(zeros_around(x - 9), 3, 2, "VALID"), "MAX_POOL_2D", "that counts"),
    "ones convolved": (
        lambda x: tf.nn.conv2d(tf.pad(conv(x), AROUND, constant_values=1.0), KERNEL, 1, "VALID"),
        "CONV_2D",
        "by any number",
    ),
    "large kernel": (
        lambda x: tf.nn.conv2d(x, np.ones((49, 49, 4, 2), "float32"), 1, "SAME"),
        "CONV_2D",
        "49 x 49 x 4",
    ),
    "many filters": (lambda x: tf.nn.conv2d(x, np.ones((1, 1, 4, 32_772), "float32"), 1, "SAME"), "CONV_2D", "32772 x"),
    "activated": (
        lambda x: tf.nn.relu(tf.nn.conv2d_transpose(conv(x), KERNEL, (1, 8, 8, 4), 1) + 1.0),
        "TRANSPOSE_CONV",
        "version 4",
    ),
    "zeros kept apart": (
        lambda x: tf.nn.avg_pool2d(tf.maximum(zeros_around(x), tf.float32.min), 3, 2, "VALID"),
        None,
        None,
    ),
    "zeros convolved": (lambda x: tf.nn.conv2d(zeros_around(x), KERNEL, 2, "VALID"), None, None),
    "reflected": (lambda x: tf.pad(conv(x), [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), None, None),
    "strided": (lambda x: conv(x)[:, ::2, 1::2], None, None),
    "resized": (lambda x: tf.image.resize(conv(x), (16, 16)), None, None),
    "nearest": (lambda x: tf.image.resize(conv(x), (16, 16), "nearest"), None, None),
    "shuffled": (lambda x: tf.nn.depth_to_space(conv(x), 2), None, None),
    "maximum": (lambda x: tf.reduce_max(conv(x), -1, keepdims=True), None, None),
    "selected": (lambda x: tf.where(conv(x) > 0, conv(x), 0.0), None, None),
    "gathered": (lambda x: tf.gather(conv(x), [0, 2, 1], axis=1), None, None),
}


def converted(function, path, shape=SHAPE):
    """A TFLite file that another program could have written."""
    serve = tf.function(lambda image: {"y": function(image)})
    concrete = serve.get_concrete_function(tf.TensorSpec(shape, name="image"))
    path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([concrete], serve).convert())
    return path


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    return ks.models.UNet(num_classes=3, filters=4, depth=2)


@pytest.fixture(scope="module")
def file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("file") / "m.tflite"
    ks.export.tflite(model, path, input_size=(32, 64))
    return path


def test_a_file_that_phones_take(model, tmp_path):
    report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=(32, 64), output="both")
    (check,) = report.delegates
    assert (check.delegate, check.accepted, check.partitions) == ("gpu", check.nodes, 1)
    assert f"Phone GPU     {check.nodes} of {check.nodes} nodes, 1 partition\n" in f"{report}\n"
    stored = json.loads((tmp_path / "export_report.json").read_text())["m.tflite"]["delegates"]
    assert stored[0]["accepted"] == check.nodes
    found = ks.export.check_delegates(tmp_path / "m.tflite")
    assert found["gpu"] == check and not found.complete
    assert [one.delegate for one in found.checks] == ["gpu", "npu", "edgetpu"]
    assert found["npu"].accepted == 0 and "computes in floats" in str(found)
    assert max(len(line) for line in str(found).splitlines() if "m.tflite" not in line) <= 80  # Paths are never broken.
    json.dumps(found.to_dict())


@pytest.mark.parametrize("kind", OPERATIONS)
def test_rules(kind, tmp_path):
    function, op, reason = OPERATIONS[kind]
    check = ks.export.check_delegates(converted(function, tmp_path / "m.tflite"), delegates=["gpu"])["gpu"]
    if op is None:
        assert check.complete and check.partitions == 1
        return
    assert op in [node.op for node in check.refused]
    assert reason in " ".join(node.reason for node in check.refused)
    assert all(node.fix.endswith(".") and node.layer for node in check.refused)
    assert check.accepted == check.nodes - len(check.refused)


@pytest.mark.parametrize("kind", OPERATIONS)
def test_what_is_taken_runs_on_the_delegate_of_litert(kind, tmp_path):
    function, op, _ = OPERATIONS[kind]
    content = converted(function, tmp_path / "m.tflite").read_bytes()
    image = np.random.default_rng(1).normal(size=SHAPE).astype("float32")
    found = run_on_gpu(content, image)
    if found is None:
        pytest.skip("LiteRT finds no Vulkan device; VK_ICD_FILENAMES names one, such as SwiftShader")
    if op is None:
        assert found.complete and not found.error
        (maps,) = found.maps.values()
        np.testing.assert_allclose(maps, function(image), atol=1e-5)


@pytest.mark.parametrize(
    "shape, reason",
    [((1, None, None, 4), "a size known only at run time"), ((2, 8, 8, 4), "batches of 2")],
    ids=["any size", "batch"],
)
def test_sizes(shape, reason, tmp_path):
    report = ks.export.check_delegates(converted(conv, tmp_path / "m.tflite", shape))
    for check in report.checks:
        assert check.accepted == check.partitions == 0
        assert check.refused[0].reason == reason


def test_layers_are_named(model, tmp_path):
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=(32, 64), input="uint8", output="class_ids")
    check = ks.export.check_delegates(tmp_path / "m.tflite", delegates=["gpu"])["gpu"]
    assert [(node.op, node.fix) for node in check.refused] == [("CAST", 'Export with input="float32".')]
    x = keras.layers.Conv2D(4, 1, name="mixed")(keras.Input((8, 8, 3)))
    five = keras.layers.Reshape((4, 2, 8, 4), name="split")(x)
    out = keras.layers.Reshape((8, 8, 4), name="joined")(keras.layers.Rescaling(2.0, name="sole")(five))
    odd = keras.Model(x._keras_history.operation.input, keras.layers.Softmax()(out))
    ks.export.tflite(odd, tmp_path / "odd.tflite")
    check = ks.export.check_delegates(tmp_path / "odd.tflite", delegates=["gpu"])["gpu"]
    assert check.refused and {node.layer for node in check.refused} <= {"mixed", "split", "joined", "sole"}
    assert check.partitions == 2


def test_integer_files(model, tmp_path):
    images = np.random.default_rng(0).uniform(0, 255, (2, 32, 64, 3))
    options = {"input_size": (32, 64), "quantize": "int8", "representative": images, "overwrite": True}
    report = ks.export.tflite(model, tmp_path / "m.tflite", input="uint8", **options)
    assert [check.delegate for check in report.delegates] == ["gpu", "npu"]
    found = ks.export.check_delegates(tmp_path / "m.tflite", delegates=["npu", "edgetpu"])
    assert found["npu"].complete
    refused = {node.op for node in found["edgetpu"].refused}
    assert "SOFTMAX" in refused and "CONV_2D" not in refused
    assert found.half_precision is None and found.device is None
    ks.export.tflite(model, tmp_path / "m.tflite", **options)  # Floats at both ends.
    check = ks.export.check_delegates(tmp_path / "m.tflite", delegates=["npu"])["npu"]
    assert {node.op for node in check.refused} == {"QUANTIZE", "DEQUANTIZE"}


def _chain(*edges):
    """Nodes by (inputs, output), numbers of tensors; a graph input is a tensor that no node gives."""

    def tensor(index):
        return Tensor(index=index, name=str(index), shape=SHAPE, dtype="FLOAT32", constant=False, quantized=False)

    nodes = [
        Node(
            number=place,
            op="ADD",
            custom=False,
            inputs=tuple(map(tensor, read)),
            outputs=(tensor(written),),
            options=None,
        )
        for place, (read, written) in enumerate(edges)
    ]
    return FileGraph(nodes=tuple(nodes), inputs=(tensor(0),), outputs=(nodes[-1].outputs), subgraphs=1)


@pytest.mark.parametrize(
    "refused, parts",
    [((), 1), ((0,), 1), ((3,), 1), ((1,), 2), ((1, 2), 2), ((0, 3), 1), ((0, 1, 2, 3), 0)],
)
def test_partitions(refused, parts):
    # 0 is split into two branches, 1 and 2, that 3 joins.
    assert count_partitions(_chain(((0,), 1), ((1,), 2), ((1,), 3), ((2, 3), 4)), refused) == parts


def test_half_precision_is_that_of_numpy(tmp_path):
    rng = np.random.default_rng(0)
    image = keras.Input((4, 6, 3))
    layer = keras.layers.Conv2D(5, 1, name="mixed")
    model = keras.Model(image, layer(image))
    layer.set_weights([rng.normal(size=(1, 1, 3, 5)), rng.normal(size=5)])
    ks.export.tflite(model, tmp_path / "m.tflite")
    images = rng.uniform(0, 255, (3, 4, 6, 3)).astype("float32")
    kernel, bias = (value.astype("float16").astype("float32") for value in layer.get_weights())
    rounded = (images @ kernel[0, 0] + bias).astype("float16")
    exact = images @ layer.get_weights()[0][0, 0] + layer.get_weights()[1]
    half = ks.export.check_delegates(tmp_path / "m.tflite", images=images).half_precision
    assert half.agreement == pytest.approx((rounded.argmax(-1) == exact.argmax(-1)).mean())
    assert half.largest == pytest.approx(np.abs(exact).max(), rel=1e-5)
    assert (half.largest_layer, half.overflowing, half.mean_iou) == ("mixed", (), None)


def test_classes_that_overlap_agree_in_half_precision_where_both_are_absent(tmp_path):
    """Which of two scores near 0 is the higher one is no matter: rounded, they are equal."""
    image = keras.Input((4, 6, 3))
    layer = keras.layers.Conv2D(2, 1, activation="sigmoid")
    model = keras.Model(image, layer(image))
    layer.set_weights([np.zeros((1, 1, 3, 2)), np.array([-5.0001, -5.0])])
    ks.export.tflite(model, tmp_path / "m.tflite")
    assert ks.export.check_delegates(tmp_path / "m.tflite", delegates=["gpu"]).half_precision.agreement == 1


def test_what_float16_cannot_hold(tmp_path):
    image = keras.Input((4, 6, 3))
    large = keras.layers.Conv2D(3, 1, kernel_initializer=keras.initializers.Constant(1000.0), name="large")(image)
    model = keras.Model(image, keras.layers.Conv2D(2, 1, name="small")(large))
    ks.export.tflite(model, tmp_path / "m.tflite")
    rng = np.random.default_rng(0)
    images, masks = rng.uniform(100, 255, (2, 4, 6, 3)), rng.integers(0, 2, (2, 4, 6))
    report = ks.export.check_delegates(tmp_path / "m.tflite", images=images, masks=masks, delegates=["gpu"])
    half = report.half_precision
    assert "large" in half.overflowing and half.largest > 65504
    assert half.float_mean_iou == pytest.approx(_mean_iou(model.predict(images, verbose=0).argmax(-1), masks))
    assert "beyond 65504" in str(report)


def test_raw_pixels_fit_float16(tmp_path):
    """The squares of three colors sum up to 195,075 where they are not scaled."""
    model = ks.models.SegNetBasic(num_classes=3, filters=4)
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=32)
    white = np.full((1, 32, 32, 3), 255.0)
    half = ks.export.check_delegates(tmp_path / "m.tflite", delegates=["gpu"], images=white).half_precision
    assert not half.overflowing and half.largest < 2000


def _mean_iou(found, masks):
    return np.mean([((found == c) & (masks == c)).sum() / ((found == c) | (masks == c)).sum() for c in (0, 1)])


@pytest.mark.parametrize(
    "script, expected",
    [
        ("print('no device', file=sys.stderr); sys.exit(1)", None),
        ("print('Selected adapter: Some GPU, arch=x', file=sys.stderr); sys.exit(7)", "its process ended with 7"),
        (
            "print('Selected adapter: Some GPU, a\\nSome ops are not accelerated.', file=sys.stderr); sys.exit(1)",
            "it takes no part of the file",
        ),
        (
            "print('Selected adapter: Some GPU, a\\n└ ERROR: 1\\n└ Failed to lock.', file=sys.stderr); sys.exit(1)",
            "its process ended with 1: Failed to lock",
        ),
        (
            "print('Selected adapter: Some GPU, a\\nE0 Validation error: [T] is invalid due to a previous error.\\n"
            "E0 Validation error: Texture size exceeded', file=sys.stderr)",
            "its results are wrong: Texture size exceeded",
        ),
    ],
    ids=["none", "crash", "refusal", "reason", "limits"],
)
def test_devices_that_do_not_run_a_file(script, expected, file, tmp_path, monkeypatch):
    pytest.importorskip("ai_edge_litert")
    (tmp_path / "process.py").write_text(f"import sys\n{script}\n")
    monkeypatch.setattr(gpu_process, "__file__", str(tmp_path / "process.py"))
    device = ks.export.check_delegates(file, delegates=["gpu"]).device
    if expected is None:
        assert device is None
    else:
        assert (device.device, device.complete, device.error) == ("Some GPU", False, expected)
        assert str(device) == f"Some GPU: {expected}"


def test_the_device_of_this_machine(file):
    device = ks.export.check_delegates(file, delegates=["gpu"]).device
    if device is None:
        pytest.skip("LiteRT finds no Vulkan device; VK_ICD_FILENAMES names one, such as SwiftShader")
    assert device.complete and device.agreement == 1 and device.max_abs_difference < 1e-4


def test_enlarging_on_the_device_of_this_machine(tmp_path):
    """Transposed convolutions with large kernels were computed wrongly by LiteRT 2.3."""
    model = ks.models.FCN32s(num_classes=5, filters=(4, 4, 8, 8, 8), fc_filters=16)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:
        weight.assign(rng.normal(0, 0.1, weight.shape))
    ks.export.tflite(model, tmp_path / "m.tflite", input_size=64)
    report = ks.export.check_delegates(tmp_path / "m.tflite", delegates=["gpu"])
    assert report.complete
    if report.device is None:
        pytest.skip("LiteRT finds no Vulkan device; VK_ICD_FILENAMES names one, such as SwiftShader")
    assert report.device.complete and report.device.max_abs_difference < 1e-4


class TestBadInput:
    def test_images_that_would_not_be_used(self, model, file, tmp_path):
        images = np.zeros((1, 32, 64, 3), "float32")
        with pytest.raises(ks.InputError, match='`images` would not be used: no "gpu" in `delegates`'):
            ks.export.check_delegates(file, delegates=["npu"], images=images)
        path = converted(conv, tmp_path / "other.tflite")
        with pytest.raises(ks.InputError, match="another program exported the file"):
            ks.export.check_delegates(path, images=np.zeros((1, 8, 8, 4)))
        ks.export.tflite(model, tmp_path / "any.tflite", input_size=(None, None))
        with pytest.raises(ks.InputError, match="does not take one image of a fixed size"):
            ks.export.check_delegates(tmp_path / "any.tflite", images=images)
        representative = np.random.default_rng(0).integers(0, 256, (4, 32, 64, 3)).astype("float32")
        path = tmp_path / "int8.tflite"
        ks.export.tflite(model, path, input_size=(32, 64), quantize="int8", representative=representative)
        with pytest.raises(ks.InputError, match="computes in integers"):
            ks.export.check_delegates(path, images=images)

    def test_files(self, file, tmp_path):
        with pytest.raises(ks.InputError, match=r"no\.tflite: no such file"):
            ks.export.check_delegates(tmp_path / "no.tflite")
        (tmp_path / "m.onnx").write_bytes(b"\x08\x08 not tflite")
        with pytest.raises(ks.InputError, match=r"m\.onnx: is no TFLite file"):
            ks.export.check_delegates(tmp_path / "m.onnx")
        content = file.read_bytes()
        for length in (8, 100, len(content) // 100, len(content) // 2):
            (tmp_path / "cut.tflite").write_bytes(content[:length])
            with pytest.raises(ks.InputError, match=r"cut\.tflite: cannot be read as TFLite") as caught:
                ks.export.check_delegates(tmp_path / "cut.tflite")
            assert "\n" not in str(caught.value)

    @pytest.mark.parametrize(
        "options, match",
        [
            ({"delegates": "gpu"}, "`delegates` must be a sequence"),
            ({"delegates": ["tpu"]}, "`delegates` is not a known option.*npu"),
            ({"images": np.zeros((2, 8, 8, 3))}, r"`images` must be \(n, 32, 64, 3\)"),
            ({"masks": np.zeros((2, 32, 64))}, "Pass both"),
            (
                {"images": np.zeros((1, 32, 64, 3)), "masks": np.full((1, 32, 64), 255)},
                r"`masks` must hold class ids from 0 to .*masks=\[255\]",
            ),
        ],
    )
    def test_arguments(self, options, match, file):
        with pytest.raises(ks.InputError, match=match):
            ks.export.check_delegates(file, **options)
