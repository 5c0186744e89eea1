"""Copies of layers, and where none is made."""

import gc
import time
import weakref

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg.export.inference_graph import inference_graph
from keras_seg.surgery.copying import weights_shared


def variables(model):
    return {id(variable) for variable in model.variables}


def adding():
    """A model with a function of `keras.ops` between its layers."""
    inputs = keras.Input((16, 24, 3))
    first, second = (keras.layers.Conv2D(4, 3, padding="same", name=name)(inputs) for name in ("first", "second"))
    return keras.Model(inputs, keras.layers.Conv2D(2, 1, name="last")(keras.ops.add(first, second)))


@pytest.mark.parametrize("make", [lambda: ks.models.UNet(num_classes=3, filters=4, depth=2), adding])
def test_an_exported_form_has_a_graph_of_its_own(make):
    """The operations of the user's model keep theirs: `layer.output` stays defined."""
    model = make()
    form = inference_graph(model, (16, 24))
    assert form.input_shape == (None, 16, 24, 3)
    assert all(len(operation._inbound_nodes) == 1 for operation in model.operations)
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    np.testing.assert_allclose(form.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5)


def test_an_exported_form_shares_what_is_not_folded():
    """Half a gigabyte for FCN8s."""
    model = ks.models.FCN8s(num_classes=3, filters=(8, 8, 8, 8, 8), fc_filters=16)
    form = inference_graph(model, (32, 32))
    assert form.get_layer("fc6").kernel is model.get_layer("fc6").kernel
    assert form.get_layer("fc6") is not model.get_layer("fc6")


@pytest.mark.parametrize("make", [lambda: ks.models.UNet(num_classes=3, filters=4, depth=2), adding])
def test_a_copy_can_be_deleted(make):
    """A function of `keras.ops` noted where it was called, and so kept each copy as long as the model."""
    model = make()
    copied = ks.surgery.fold_padding(model)
    kept = [weakref.ref(layer) for layer in copied.layers]
    del copied
    for _ in range(50):
        # While another thread collects, this one returns at once.
        gc.collect()
        if all(layer() is None for layer in kept):
            return
        time.sleep(0.1)
    pytest.fail(f"{sum(layer() is not None for layer in kept)} of {len(kept)} layers are still there.")


@pytest.mark.parametrize("share", [False, True])
def test_names_that_nested_models_share(share):
    """Opened up, their layers and functions are in one graph, where names are unique."""

    def part():
        inputs = keras.Input((16, 24, 3))
        scaled = keras.ops.multiply(keras.layers.Conv2D(3, 1, name="conv")(inputs), 2.0)
        scaled._keras_history.operation.name = "twice"
        return keras.Model(inputs, scaled)

    inputs = keras.Input((16, 24, 3))
    model = keras.Model(inputs, part()(part()(inputs)))
    if share:
        with weights_shared():
            opened = ks.surgery.fold_padding(model)
    else:
        opened = ks.surgery.fold_padding(model)
    assert sorted(one.name for one in opened.operations[1:]) == ["conv", "conv_1", "twice", "twice_1"]
    assert (variables(opened) == variables(model)) == share
    image = np.random.default_rng(0).uniform(0, 1, (1, 16, 24, 3)).astype("float32")
    np.testing.assert_allclose(opened.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5)


def test_weights_are_shared_on_request():
    keras.utils.set_random_seed(0)
    model = ks.models.UNet(num_classes=3, filters=4, depth=2, normalization=None)
    with weights_shared():
        folded = ks.surgery.fold_padding(model)
    assert variables(folded) == variables(model)
    with weights_shared(keras.layers.Dense):
        assert not variables(ks.surgery.fold_padding(model)) & variables(model)
    assert not variables(ks.surgery.fold_padding(model)) & variables(model)


def test_a_size_of_the_result():
    model = ks.models.UNet(num_classes=3, filters=4, depth=2)
    folded = ks.surgery.fold_batch_norm(model, input_size=(20, 24))
    image = np.random.default_rng(0).uniform(0, 255, (1, 20, 24, 3)).astype("float32")
    assert folded.input_shape == (None, 20, 24, 3)
    np.testing.assert_allclose(folded.predict(image, verbose=0), model.predict(image, verbose=0), atol=1e-5)


def test_initializers_are_those_of_the_originals():
    """Weights begin as zeros while a copy is made, which no later copy may inherit."""
    layer = keras.layers.Conv2D(4, 3, kernel_initializer="he_normal", bias_initializer="ones", name="conv")
    inputs = keras.Input((8, 8, 3))
    copied = ks.surgery.fold_padding(keras.Model(inputs, layer(inputs))).get_layer("conv")
    assert copied.get_config() == layer.get_config()
    assert isinstance(copied.kernel_initializer, keras.initializers.HeNormal)
    assert isinstance(copied.bias_initializer, keras.initializers.Ones)


class Normalized(keras.layers.Layer):
    """A layer with a Normalization inside."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Normalization()

    def build(self, shape):
        self.inner.build(shape)

    def call(self, x):
        return self.inner(x)

    def compute_output_shape(self, shape):
        return shape


FOLDS = [ks.surgery.fold_batch_norm, ks.surgery.fold_padding, ks.surgery.fold_upsampling]


@pytest.mark.parametrize("fold", FOLDS)
@pytest.mark.parametrize("make", [keras.layers.Normalization, Normalized])
def test_an_adapted_normalization(make, fold):
    """Keras computes with constants that it has made of the weights, not with the weights."""
    image = np.random.default_rng(0).uniform(0, 255, (2, 16, 24, 3)).astype("float32")
    inputs, layer = keras.Input((16, 24, 3)), make()
    scaled = layer(inputs)
    getattr(layer, "inner", layer).adapt(image)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(scaled))
    expected = model.predict(image, verbose=0)
    assert np.abs(expected).max() < 50  # Far from what 255 would give.
    np.testing.assert_allclose(fold(model).predict(image, verbose=0), expected, atol=1e-4)


@pytest.mark.tensorflow_only
def test_an_adapted_discretization():
    """Its boundaries are in its configuration: made again, they would be those of no data."""
    image = np.random.default_rng(0).uniform(0, 255, (1, 16, 24, 3)).astype("float32")
    layer = keras.layers.Discretization(num_bins=4)
    layer.adapt(image)
    model = keras.Sequential([keras.Input((16, 24, 3)), layer, keras.layers.Rescaling(0.5)])
    expected = model.predict(image, verbose=0)
    assert len(np.unique(expected)) == 4
    np.testing.assert_array_equal(ks.surgery.fold_padding(model).predict(image, verbose=0), expected)
