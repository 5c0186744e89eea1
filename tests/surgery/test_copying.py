"""Copies of layers, and where none is made."""

import keras
import numpy as np

import keras_seg as ks
from keras_seg.export.inference_graph import inference_graph
from keras_seg.surgery.copying import unchanged_layers_shared


def variables(model):
    return {id(variable) for variable in model.variables}


def test_an_exported_form_shares_nothing_with_the_model():
    """The layers of the user's model keep their own graph: `layer.output` stays defined."""
    model = ks.models.UNet(num_classes=3, filters=4, depth=2)
    form = inference_graph(model, (16, 24))
    assert form.input_shape == (None, 16, 24, 3)
    assert not variables(form) & variables(model)
    assert all(len(layer._inbound_nodes) == 1 for layer in model.layers)


def test_layers_are_shared_on_request():
    keras.utils.set_random_seed(0)
    model = ks.models.UNet(num_classes=3, filters=4, depth=2, normalization=None)
    with unchanged_layers_shared():
        folded = ks.surgery.fold_padding(model)
    assert variables(folded) == variables(model)
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
