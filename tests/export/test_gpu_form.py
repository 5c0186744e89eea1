"""The form of a model that LiteRT's GPU delegate computes rightly."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg.export.delegates.gpu_rules import LARGEST_TEXTURE
from keras_seg.export.gpu_form import gpu_form

CHANNELS = 920  # 9 x 920 = 8,280 products per result.
OPTIONS = {
    "plain": {},
    "activation": {"activation": "relu"},
    "without bias": {"use_bias": False},
    "strides": {"strides": (2, 1), "padding": "same"},
    "dilation": {"dilation_rate": 2, "padding": "same"},
}


def model_of(*steps, channels=3, size=(24, 26)):
    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((*size, channels))
    for step in (layers.Rescaling(1 / 255), *steps):
        x = step(x)
    model = keras.Model(inputs, layers.Conv2D(4, 1, name="scores")(x))
    rng = np.random.default_rng(0)
    for weight in model.weights:  # Biases too.
        weight.assign(rng.normal(0, 1 / np.sqrt(np.prod(weight.shape[:-1]) or 1), weight.shape))
    return model


def wide(**options):
    # LiteRT takes textures for kernels of many filters.
    return model_of(layers.Conv2D(CHANNELS, 1), layers.Conv2D(64, 3, name="wide", **options))


def transposed(**options):
    return model_of(
        layers.Conv2D(2_100, 1), layers.Conv2DTranspose(16, 4, strides=2, name="wide", **options), size=(7, 8)
    )


def padded(pooling):
    """A map with negative numbers, zeros around it, and a pooling that reads them."""
    return model_of(layers.Conv2D(8, 3), layers.ZeroPadding2D(((1, 2), (2, 1))), pooling)


MODELS = {
    **{f"wide, {name}": lambda options=options: wide(**options) for name, options in OPTIONS.items()},
    "transposed": lambda: transposed(padding="same"),
    "transposed, activation": lambda: transposed(activation="relu", use_bias=False),
    "ReLU of a transposed": lambda: model_of(layers.Conv2DTranspose(8, 3), layers.ReLU()),
    "activated, transposed": lambda: model_of(layers.Conv2DTranspose(8, 3, strides=2, activation="relu")),
    "average": lambda: padded(layers.AveragePooling2D(3, strides=2)),
    "maximum": lambda: padded(layers.MaxPooling2D(3, strides=2)),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_function_is_the_same(name):
    model = MODELS[name]()
    images = np.random.default_rng(1).normal(0, 200, (2, *model.input_shape[1:])).astype("float32")
    expected = keras.ops.convert_to_numpy(model(images))
    found = keras.ops.convert_to_numpy(gpu_form(model)(images))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_only_what_is_too_large_is_divided():
    model = model_of(layers.Conv2D(8, 1), layers.ZeroPadding2D(1), layers.Conv2D(8, 3), layers.MaxPooling2D(2))
    assert [type(layer) for layer in gpu_form(model).layers] == [type(layer) for layer in model.layers]
    parts = [layer for layer in gpu_form(wide()).layers if layer.name.startswith("wide_part")]
    assert len(parts) == 2 and all(np.prod(part.kernel.shape[:3]) <= LARGEST_TEXTURE for part in parts)
    assert sum(part.use_bias for part in parts) == 1


def test_convolutions_that_share_a_layer():
    """Each part is made once, with the weights of the layer."""
    shared = layers.Conv2D(CHANNELS, 3, padding="same", name="shared")
    model = model_of(layers.Conv2D(CHANNELS, 1), shared, shared, size=(8, 8))
    form = gpu_form(model)
    assert form.count_params() == model.count_params()
    images = np.random.default_rng(1).normal(size=(1, 8, 8, 3)).astype("float32")
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(form(images)), keras.ops.convert_to_numpy(model(images)), rtol=1e-3, atol=1e-2
    )


@pytest.mark.parametrize("make", [wide, transposed])
def test_an_activation_that_is_not_registered(make):
    model = make(activation=lambda x: keras.ops.maximum(x, x / 8))
    images = np.random.default_rng(1).normal(0, 200, (1, *model.input_shape[1:])).astype("float32")
    expected = keras.ops.convert_to_numpy(model(images))
    found = keras.ops.convert_to_numpy(gpu_form(model)(images))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def test_layers_that_are_called_by_name():
    """`layer(inputs=x)` instead of `layer(x)`."""
    inputs = keras.Input((8, 8, 3))
    x = layers.ZeroPadding2D(1)(inputs=layers.Conv2D(4, 1)(inputs=inputs))
    model = keras.Model(inputs, layers.AveragePooling2D(2)(inputs=x))
    form = gpu_form(model)
    assert len(form.layers) == len(model.layers) + 1
    images = np.random.default_rng(1).normal(size=(1, 8, 8, 3)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(images))
    np.testing.assert_allclose(keras.ops.convert_to_numpy(form(images)), expected, rtol=1e-5, atol=1e-6)


def test_a_model_without_a_graph_is_left_as_it_is():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    model = Own()
    model.build((None, 8, 8, 3))
    assert gpu_form(model) is model


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", MODELS)
def test_files_on_the_device_of_this_machine(name, tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports are made on the TensorFlow backend")
    path = tmp_path / "m.tflite"
    ks.export.tflite(MODELS[name](), path)
    report = ks.export.check_delegates(path, delegates=["gpu"])
    assert report["gpu"].complete, str(report)
    if report.device is None:
        pytest.skip("LiteRT finds no Vulkan device; VK_ICD_FILENAMES names one, such as SwiftShader")
    assert report.device.complete and not report.device.error
    assert report.device.max_abs_difference < 1e-4 and report.device.agreement > 0.999
