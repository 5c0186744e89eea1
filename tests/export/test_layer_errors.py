"""Where a quantized file loses: errors against arithmetic by hand, names of layers, and layers kept in float32."""

import math

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.export.tflite.layer_error_report import LayerError, LayerErrorReport
from keras_seg.export.tflite.layer_names import LayerNames

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
SIZE = (8, 12)


def noise(count=4, seed=0):
    return np.random.default_rng(seed).uniform(0, 255, (count, *SIZE, 3)).astype("float32")


def wide_and_narrow():
    """A net whose layer `mixed` holds two channels of very different size: one step of int8 is all of the smaller."""
    keras.utils.set_random_seed(0)
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(1 / 255, name="unit")(image)
    x = keras.layers.Conv2D(4, 3, padding="same", activation="relu", name="fine")(x)
    x = keras.layers.Conv2D(2, 1, name="mixed")(x)
    x = keras.layers.Conv2D(2, 1, name="logits")(x)
    model = keras.Model(image, keras.layers.Softmax(name="scores")(x))
    kernel = np.ones((1, 1, 4, 2), "float32") * [1000.0, 0.5] * [[1], [-1], [1], [-1]]
    model.get_layer("mixed").set_weights([kernel.astype("float32"), np.zeros(2, "float32")])
    # Only the small channel is looked at.
    model.get_layer("logits").set_weights([np.array([[[[0, 0], [1, -1]]]], "float32"), np.zeros(2, "float32")])
    return model


@pytest.fixture(scope="module")
def model():
    return wide_and_narrow()


@pytest.fixture(scope="module")
def report(model):
    return ks.export.layer_errors(model, noise())


def test_the_layer_at_fault_is_named(model, report):
    """What `mixed` gives is right within half a step; the step is all of the channel that `logits` looks at."""
    # The converter has put the rescaling into the first convolution.
    assert report.names == ("fine", "mixed", "logits", "scores")
    assert [error.dtype for error in report.layers] == 4 * ["int8"]
    assert report.quantize == "int8" and report.images == 4
    assert report.worst(1)[0].layer in ("logits", "scores")
    assert report["fine"].sqnr > 35 and report["mixed"].sqnr > 30
    assert report["logits"].sqnr < 5
    # It was given bad values and made few of its own.
    assert report["logits"].own_sqnr > report["logits"].sqnr + 20
    assert report.agreement < 0.5
    parts = keras.Model(model.input, model.get_layer("mixed").output).predict(noise(), verbose=0)
    assert report["mixed"].signal == pytest.approx(np.sqrt((parts**2).mean()), rel=1e-4)
    low, high = report["mixed"].value_range
    assert high - low == pytest.approx(255 * report["mixed"].scale)
    assert low <= parts.min() + report["mixed"].scale and high >= parts.max() - report["mixed"].scale
    # Rounding is off by a step over the root of 12 in the large channel, and hardly in the small one, which becomes 0.
    assert report["mixed"].own_error == pytest.approx(report["mixed"].scale / math.sqrt(24), rel=0.1)
    assert report["mixed"].error > report["mixed"].own_error


def test_layers_in_float(model, report, tmp_path):
    mended = ks.export.layer_errors(model, noise(), float_layers=["mixed", "logits"])
    assert mended["mixed"].dtype == mended["logits"].dtype == "float32"
    assert mended["fine"].dtype == "int8"
    assert mended["mixed"].value_range is None and mended["mixed"].scale == 0
    assert mended["logits"].sqnr > report["logits"].sqnr + 20
    assert mended.agreement > 0.95 > 0.5 > report.agreement
    files = {
        kept: ks.export.tflite(
            model,
            tmp_path / f"{len(kept)}.tflite",
            images=noise(),
            quantize="int8",
            input="uint8",
            representative=noise(),
            float_layers=kept,
        )
        for kept in ((), ("mix*", "logits"))
    }
    assert files[()].agreement < 0.5 < 0.95 < files["mix*", "logits"].agreement
    from ai_edge_litert.interpreter import Interpreter

    made = Interpreter(model_path=str(tmp_path / "2.tflite"))
    assert made.get_input_details()[0]["dtype"] == np.uint8
    assert made.get_output_details()[0]["dtype"] == np.float32


@pytest.mark.slow
def test_int16x8(model):
    report = ks.export.layer_errors(model, noise(), quantize="int16x8")
    assert report["mixed"].dtype == "int16"
    assert report["logits"].sqnr > 20
    assert report["mixed"].own_error is None and report["mixed"].own_sqnr is None
    assert report.worst(own=True) == ()


@pytest.mark.slow
def test_the_same_as_the_file(model, tmp_path):
    """The agreement is that of the file that `export.tflite` writes."""
    written = ks.export.tflite(model, tmp_path / "m.tflite", images=noise(), quantize="int8", representative=noise())
    found = ks.export.layer_errors(model, noise()).agreement
    assert written.agreement == pytest.approx(found, abs=0.02)


def test_names_of_layers():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 1, name="conv")(inputs)
    x = keras.layers.ReLU(name="relu")(keras.layers.Conv2D(2, 1, name="conv_1")(x))
    names = LayerNames.of_model(keras.Model(inputs, x, name="net"))
    for tensor, expected in {
        "net/conv/convolution": ("conv",),
        "net/conv_1/convolution": ("conv_1",),
        "net_1/conv_1/convolution": ("conv",),
        "net_1/conv_1_1/convolution1": ("conv_1",),
        "net_1/relu_1/Relu;net_1/conv_1_1/convolution": ("conv_1", "relu"),
        "StatefulPartitionedCall:0": ("relu",),
        "tfl.quantize": (),
    }.items():
        assert names.of(tensor) == expected


def errors(count):
    return tuple(
        LayerError(
            layer=f"block{n}_with_a_very_long_name",
            fused=("relu",),
            op="CONV_2D",
            dtype="int8",
            value_range=(-1, 1),
            scale=0.01,
            signal=1,
            error=0.1**n,
        )
        for n in range(1, count + 1)
    )


def test_decibel():
    assert errors(2)[1].sqnr == pytest.approx(40)
    assert (
        LayerError(layer="a", fused=(), op="ADD", dtype="int8", value_range=None, scale=0.0, signal=1.0, error=0.0).sqnr
        == math.inf
    )
    assert (
        LayerError(layer="a", fused=(), op="ADD", dtype="int8", value_range=None, scale=0.0, signal=0.0, error=1.0).sqnr
        == -math.inf
    )
    assert (
        LayerError(
            layer="a", fused=(), op="ADD", dtype="int8", value_range=None, scale=0.0, signal=1.0, error=0.0
        ).to_dict()["sqnr"]
        is None
    )


def test_the_table():
    layers = (
        *errors(22),
        LayerError(
            layer="places",
            fused=(),
            op="CAST",
            dtype="int32",
            value_range=None,
            scale=0.0,
            signal=1.0,
            error=0.5,
            changed=0.25,
        ),
    )
    report = LayerErrorReport(layers=layers, quantize="int8", images=3, agreement=0.975)
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["layer", "operator", "range", "step", "error", "SQNR", "own"]
    assert lines[1].startswith("places") and "25.0%*" in lines[1]
    assert [float(line.split()[-1]) for line in lines[2:4]] == [20.0, 40.0]
    assert "... and 3 layers with less noise." in lines
    assert "97.50% of the pixels" in lines[-2]
    assert report.worst(1) == (layers[-1],)
    assert report["relu"] is layers[0]
    with pytest.raises(KeyError, match="'head' has no separate operator"):
        report["head"]
    assert report.to_dict()["layers"][0]["sqnr"] == pytest.approx(20)


@pytest.mark.parametrize("gain", [4.0, 1 / 1024])
def test_comparisons_of_wide_and_narrow_ranges(gain):
    """Whole pixel values times a gain are exact in int8, so its maxima are those of float32, ties included."""
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Rescaling(gain)(image)
    pooled, indices = ks.layers.MaxPoolingWithArgmax2D(name="pool")(x)
    model = keras.Model(image, ks.layers.MaxUnpooling2D(name="unpool")([pooled, indices, x]))
    report = ks.export.layer_errors(model, np.round(noise()))
    assert report["unpool"].dtype == "int8"
    assert report["unpool"].error < 1e-3 * gain
    assert report.agreement == 1


@pytest.mark.parametrize(
    "options, message",
    [
        ({"quantize": "dynamic"}, "`quantize` is not a known option"),
        ({"representative": []}, "`representative` must hold at least one image"),
        ({"representative": noise() / 255}, "values 0..255"),
        ({"images": noise()[:, :4]}, "`images` must be an array"),
        ({"input_size": (16, 16)}, "`input_size` must be the model's own size"),
        ({"float_layers": "mixed"}, "`float_layers` must be a sequence"),
        ({"float_layers": ["mixt"]}, "`float_layers` must name layers .*Did you mean 'mixed'"),
        ({"float_layers": ["mixed"], "quantize": "int16x8"}, '`float_layers` is for quantize="int8"'),
    ],
)
def test_bad_arguments(options, message, model):
    with pytest.raises(InputError, match=message):
        ks.export.layer_errors(model, **{"images": noise(), **options})


def test_a_dynamic_size_is_refused():
    model = ks.models.UNet(num_classes=2, filters=4, depth=1)
    with pytest.raises(InputError, match="`input_size` must be given"):
        ks.export.layer_errors(model, noise())
