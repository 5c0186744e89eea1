"""Operators that a format lacks: the Keras layer that brought them is named."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.export import onnx_format, unsupported
from keras_seg.export.tflite import quantization

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
FILES = {"tflite": "m.tflite", "onnx": "m.onnx", "openvino": "m.xml"}
NEEDS = {"tflite": "tensorflow", "onnx": "tf2onnx", "openvino": "openvino"}
LACKING = (
    'has no built-in operator for BesselI0e of the Keras layer "odd_one" \\({}\\). Write it with keras.ops, or leave'
)


class Bessel(keras.layers.Layer):
    def call(self, x):
        import tensorflow as tf

        return x * tf.math.bessel_i0e(x)

    def compute_output_shape(self, shape):
        return shape


class Loop(Bessel):
    def call(self, x):
        import tensorflow as tf

        return tf.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, super(Loop, self).call(y)), [0, x])[1]


def model_with(layer):
    """The layer, nested in a model in a model, between layers that every format has."""
    inner_image, image = keras.Input((16, 16, 3)), keras.Input((16, 16, 3))
    inner = keras.Model(inner_image, layer(keras.layers.Conv2D(2, 1)(inner_image)))
    return keras.Model(image, keras.layers.Softmax()(inner(image)))


@pytest.mark.parametrize("format_", FILES)
def test_the_layer_is_named_in_one_line(format_, tmp_path):
    pytest.importorskip(NEEDS[format_])
    with pytest.raises(InputError, match=LACKING.format("Bessel")) as caught:
        getattr(ks.export, format_)(model_with(Bessel(name="odd_one")), tmp_path / FILES[format_])
    assert isinstance(caught.value, RuntimeError)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("format_", FILES)
def test_what_else_a_converter_meets_is_one_line(format_, tmp_path, monkeypatch):
    def fails(*args, **options):
        raise ValueError("no such node\nwith its inputs")

    module = pytest.importorskip(NEEDS[format_])
    converter = {
        "tflite": (quantization, "converted"),
        "onnx": (onnx_format, "to_onnx"),
        "openvino": (module, "convert_model"),
    }
    monkeypatch.setattr(*converter[format_], fails)
    with pytest.raises(RuntimeError, match="cannot hold this model: no such node$"):
        getattr(ks.export, format_)(model_with(keras.layers.ReLU()), tmp_path / FILES[format_])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("quantize", ["int8", "int16x8"])
def test_layer_errors_names_the_layer_too(quantize):
    images = np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3))
    with pytest.raises(InputError, match="TFLite " + LACKING.format("Bessel")) as caught:
        ks.export.layer_errors(model_with(Bessel(name="odd_one")), images, quantize=quantize)
    assert "\n" not in str(caught.value)


def test_a_runtime_that_does_not_load_the_file(tmp_path, monkeypatch):
    def fails(*args, **options):
        raise ValueError("no such kernel\nin this build")

    pytest.importorskip("tf2onnx")
    monkeypatch.setattr(pytest.importorskip("onnxruntime"), "InferenceSession", fails)
    with pytest.raises(RuntimeError, match=r"m.onnx was not written: as ONNX it cannot be loaded \(no such kernel\)"):
        ks.export.onnx(model_with(keras.layers.ReLU()), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("format_", FILES)
def test_a_loop_inside_a_layer(format_, tmp_path):
    """The operator lies in a function that the layer's node calls."""
    pytest.importorskip(NEEDS[format_])
    with pytest.raises(InputError, match=LACKING.format("Loop")):
        getattr(ks.export, format_)(model_with(Loop(name="odd_one")), tmp_path / FILES[format_])


def test_which_layers():
    """In the order of the graph, each once; names that resemble one another are kept apart."""
    image = keras.Input((None, None, 2))
    first, second = Bessel(name="odd"), keras.layers.Lambda(Bessel().call, output_shape=lambda s: s, name="odd_1")
    x = second(keras.layers.ReLU(name="odd_1_1")(first(image)))
    model = keras.Model(image, keras.ops.tanh(first(x)))
    assert unsupported.layers_with({"BesselI0e"}, model, (None, None)) == [first, second]
    assert unsupported.layers_with({"Tanh"}, model, (None, None)) == [model.operations[-1]]
    assert unsupported.layers_with({"Svd"}, model, (None, None)) == []


def test_a_model_without_a_graph_is_named_as_such(tmp_path):
    class Subclassed(keras.Model):
        def __init__(self):
            super().__init__()
            self.odd = Bessel()

        def call(self, x):
            return self.odd(x)

    model = Subclassed()
    model.build((None, 8, 8, 3))
    model(np.zeros((1, 8, 8, 3), "float32"))
    request = type("Request", (), {"model": model, "size": (8, 8)})
    message = str(unsupported.unsupported("TFLite", {"BesselI0e"}, request))
    assert message.startswith("TFLite has no built-in operator for BesselI0e of this model. Write it")
