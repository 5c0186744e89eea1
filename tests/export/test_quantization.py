"""Smaller files: their types, the images they are calibrated on, and what they cost."""

import json

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.export.tflite import calibration

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
SIZE = (32, 48)


def scenes(count, seed=0):
    """Bright discs on dark ground, and which pixels are disc: something that a small net learns at once."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    images, masks = [], []
    for _ in range(count):
        disc = np.hypot(y - rng.uniform(8, 24), x - rng.uniform(10, 38)) < rng.uniform(5, 10)
        images.append(np.where(disc[..., None], rng.uniform(150, 250, 3), rng.uniform(0, 90, 3)))
        masks.append(disc)
    noise = rng.normal(0, 10, (count, *SIZE, 3))
    return np.clip(np.array(images) + noise, 0, 255).astype("float32"), np.array(masks).astype("int32")


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(0)
    model = ks.models.UNet(num_classes=2, filters=8, depth=2)
    model.compile(keras.optimizers.Adam(1e-2), loss=ks.losses.Crossentropy())
    model.fit(*scenes(32), batch_size=8, epochs=12, verbose=0)
    return model


def quantized(model, path, quantize, **options):
    images, masks = scenes(6, seed=1)
    return ks.export.tflite(
        model, path, input_size=SIZE, images=images, masks=masks, quantize=quantize, overwrite=True, **options
    )


def interpreter(path):
    from ai_edge_litert.interpreter import Interpreter

    return Interpreter(model_path=str(path))


@pytest.mark.slow
@pytest.mark.thorough
def test_weights_alone(model, tmp_path):
    whole = quantized(model, tmp_path / "float32.tflite", None)
    assert whole.keras_mean_iou > 0.9
    assert whole.iou == whole.keras_iou
    for name, share in (("float16", 0.65), ("dynamic", 0.5)):
        report = quantized(model, tmp_path / f"{name}.tflite", name)
        assert report.size_bytes < share * whole.size_bytes
        assert report.agreement >= 0.999
        assert abs(report.mean_iou - whole.mean_iou) < 0.01
    content = json.loads((tmp_path / "export_report.json").read_text())
    assert sorted(content) == ["dynamic.tflite", "float16.tflite", "float32.tflite"]
    assert content["dynamic.tflite"]["mean_iou"] == report.mean_iou
    assert content["dynamic.tflite"]["worst_images"] == [list(item) for item in report.worst_images]


@pytest.mark.parametrize("input", ["float32", "uint8", "int8"])
def test_int8(input, model, tmp_path):
    report = quantized(model, tmp_path / "m.tflite", "int8", representative=scenes(16)[0], input=input)
    assert report.mean_iou > report.keras_mean_iou - 0.02
    assert report.agreement > 0.99
    assert 0 < report.max_abs_difference < 0.3
    run = interpreter(tmp_path / "m.tflite").get_signature_runner()
    source, target = run.get_input_details()["image"], run.get_output_details()["probabilities"]
    assert (np.dtype(source["dtype"]).name, np.dtype(target["dtype"]).name) == (input, input)
    if input != "float32":  # Raw values are what they are, whatever the images it was calibrated on.
        scale, zero = source["quantization"]
        assert (scale, zero) == (pytest.approx(1.0), 0 if input == "uint8" else -128)
    held = interpreter(tmp_path / "m.tflite").get_tensor_details()
    assert not [t["name"] for t in held if t["dtype"] == np.float32 and len(t["shape"]) == 4 and t["shape"][1] == 3]


def test_int8_class_ids(model, tmp_path):
    options = {"representative": scenes(16)[0], "input": "uint8", "output": "class_ids"}
    report = quantized(model, tmp_path / "m.tflite", "int8", **options)
    assert report.mean_iou > report.keras_mean_iou - 0.02
    assert report.max_abs_difference == 0


@pytest.mark.slow
def test_int16x8(model, tmp_path):
    report = quantized(model, tmp_path / "m.tflite", "int16x8", representative=scenes(16)[0])
    assert report.agreement > 0.999
    assert report.max_abs_difference < 0.05


def test_int8_of_swapped_colors(tmp_path):
    """ "caffe" turns RGB around: the quantizer once gave the turned image a scale that was not its own."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3))
    x = ks.layers.Preprocessing("caffe")(image)
    model = keras.Model(image, keras.layers.Conv2D(3, 1, use_bias=False, activation="softmax")(x))
    model.layers[-1].set_weights([np.array([[2.0, -1, 0], [-1, 2, 1], [0, -1, 2]], "float32")[None, None] / 200])
    images = scenes(8)[0]
    report = ks.export.layer_errors(model, images, representative=images)
    assert min(layer.sqnr for layer in report.layers) > 30
    assert report.agreement > 0.98


@pytest.mark.thorough
def test_int8_of_flipped_views(tmp_path):
    """Flips move bytes: each view must count the same, so that probabilities still sum to one."""
    keras.utils.set_random_seed(0)
    model = ks.inference.TestTimeAugmentation(ks.models.UNet(num_classes=3, filters=4, depth=1))
    images = scenes(8)[0]
    report = ks.export.tflite(
        model, tmp_path / "m.tflite", input_size=SIZE, images=images, quantize="int8", representative=images
    )
    assert report.max_abs_difference < 0.05


@pytest.mark.slow
def test_int16x8_of_a_model_that_unpools(tmp_path):
    """Its quantizer wants ranges of what is compared, and gives a sum the range of one term."""
    keras.utils.set_random_seed(0)
    model = ks.models.SegNetBasic(num_classes=2, filters=8)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9
    model.compile(keras.optimizers.Adam(1e-2), loss=ks.losses.Crossentropy())
    model.fit(*scenes(32), batch_size=8, epochs=40, verbose=0)
    report = quantized(model, tmp_path / "m.tflite", "int16x8", representative=scenes(16)[0])
    assert report.keras_mean_iou > 0.8
    assert report.agreement > 0.99
    assert report.mean_iou > report.keras_mean_iou - 0.01


@pytest.mark.thorough
def test_a_bad_calibration_shows(model, tmp_path):
    """The proof must be able to fail: ranges of black images fit no others."""
    black = np.full((4, *SIZE, 3), 2.0, "float32")
    report = quantized(model, tmp_path / "m.tflite", "int8", representative=black)
    good = quantized(model, tmp_path / "m.tflite", "int8", representative=scenes(16)[0])
    assert report.mean_iou < good.mean_iou - 0.02
    assert report.worst_images[0][1] <= report.agreement


def test_what_may_be_representative():
    images, masks = scenes(5)
    expected = [image[None] for image in images]
    expected[0] = expected[0].copy()
    expected[0][0, 0, 0], expected[0][0, -1, -1] = 0, 255
    for given in (images, list(images), [images[:3], images[3:]], [(images[:3], masks[:3]), (images[3:], masks[3:])]):
        np.testing.assert_array_equal(calibration.representative_images(given, SIZE, 3), expected)
    assert calibration.representative_images([images[0]], (16, 20), 3)[0].shape == (1, 16, 20, 3)


@pytest.mark.parametrize("low, high", [(-2.1, 2.6), (-1, 1), (-124, 151), (0, 65535), (0, np.inf), (0, np.nan)])
def test_values_on_another_scale_are_not_representative(low, high):
    """Those of ImageNet's mean and deviation, of TensorFlow, of Caffe, of 16 bits, and what is no number."""
    images = np.zeros((2, *SIZE, 3), "float32")
    images[1, 3, 4], images[1, 5, 6] = low, high
    with pytest.raises(InputError, match="`representative` must hold .* 0..255.*before any normalization"):
        calibration.representative_images(images, SIZE, 3)


def test_what_interpolation_overshoots_is_clipped():
    images = scenes(2)[0]
    images[1, 3, 4], images[1, 5, 6] = -9.5, 264.5
    found = calibration.representative_images(images, SIZE, 3)[1][0]
    assert (found.min(), found.max()) == (0, 255)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"quantize": "int4"}, "`quantize` is not a known option"),
        ({"quantize": "int8"}, '`representative` must be given for quantize="int8"'),
        ({"quantize": "float16", "representative": np.ones((1, *SIZE, 3))}, "`representative` is for quantize="),
        ({"quantize": "int8", "representative": []}, "`representative` must hold at least one image"),
        ({"quantize": "int8", "representative": np.ones((1, *SIZE, 3))}, "values 0..255.*1 to 1.*Multiply them by 255"),
        ({"quantize": "int8", "representative": np.full((1, *SIZE, 1), 9.0)}, r"must hold images \(height, width, 3\)"),
        ({"quantize": "dynamic", "input": "int8"}, '`input` may be "int8" with quantize="int8" only'),
        ({"quantize": "int16x8", "input": "uint8"}, '`input` must be "float32" with quantize="int16x8"'),
        ({"quantize": "int8", "representative": scenes(1)[0], "input_size": (None, None)}, "`input_size` must be"),
        ({"quantize": "dynamic", "float_layers": ["logits"]}, '`float_layers` is for quantize="int8"'),
        ({"masks": np.zeros((2, 8, 8))}, "`masks` must be masks .*Pass both"),
    ],
)
def test_bad_options(options, message, model, tmp_path):
    with pytest.raises(InputError, match=message):
        ks.export.tflite(model, tmp_path / "m.tflite", **{"input_size": SIZE, **options})
    assert list(tmp_path.iterdir()) == []


def test_a_unit_that_is_never_active(tmp_path):
    """A ReLU behind which everything is 0 has no range: the file could not be loaded on phones."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu")(keras.layers.Rescaling(1 / 255)(image))
    dead = keras.layers.Conv2D(1, 1, activation="relu", bias_initializer=keras.initializers.Constant(-9.0))(x)
    x = keras.layers.Add()([x, keras.layers.Conv2D(4, 1)(dead)])
    model = keras.Model(image, keras.layers.Conv2D(3, 1, activation="softmax")(x))
    images = np.random.default_rng(0).uniform(0, 255, (6, 16, 16, 3)).astype("float32")
    report = ks.export.tflite(
        model, tmp_path / "model.tflite", input_size=16, quantize="int8", representative=images, images=images
    )
    assert report.agreement > 0.95 and report.max_abs_difference < 0.05


def test_no_padding_stays_in_float32(tmp_path):
    """The quantizer leaves a PAD in float32 that comes behind a CONCATENATION of the same map."""
    keras.utils.set_random_seed(0)
    model = ks.models.UNetPlusPlus(num_classes=3, backbone="Compact", decoder_filters=(16, 12, 8, 8, 8))
    images = np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3)).astype("float32")
    path = tmp_path / "m.tflite"
    ks.export.tflite(model, path, input_size=64, quantize="int8", input="uint8", representative=images)
    npu = ks.export.check_delegates(path, delegates=["npu"])["npu"]
    assert npu.complete and npu.partitions == 1


def test_padding_follows_what_it_pads():
    """The operators are those of before, in an order in which each has what it reads; a second time changes nothing."""
    import tensorflow as tf

    from keras_seg.export.delegates.tflite_graph import read_graph
    from keras_seg.export.tflite.operator_order import with_padding_first

    around = [[0, 0], [1, 1], [1, 1], [0, 0]]

    @tf.function(input_signature=[tf.TensorSpec((1, 8, 8, 2))])
    def serve(x):
        y = tf.nn.relu(x)
        joined = tf.nn.relu6(tf.concat([y, x], -1))
        padded = tf.pad(y + tf.reduce_max(joined), around)
        return tf.concat([tf.pad(joined, around), tf.pad(y, around), padded], -1), tf.pad(padded, around)

    content = tf.lite.TFLiteConverter.from_concrete_functions([serve.get_concrete_function()]).convert()
    moved = with_padding_first(content)
    before, after = read_graph(content, "before"), read_graph(moved, "after")
    assert [node.op for node in before.nodes] != [node.op for node in after.nodes]
    assert sorted(node.outputs[0].index for node in before.nodes) == sorted(
        node.outputs[0].index for node in after.nodes
    )
    ready = {tensor.index for tensor in after.inputs}
    for node in after.nodes:
        assert all(tensor.constant or tensor.index in ready for tensor in node.inputs)
        ready |= {tensor.index for tensor in node.outputs}
    assert with_padding_first(moved) == moved
