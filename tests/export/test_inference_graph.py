"""What is exported is folded in one pass, to what the foldings of `keras_seg.surgery` give one after the other."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg.export.inference_graph import inference_graph

pytestmark = pytest.mark.tensorflow_only  # The others convert the same graph.

SIZE = (64, 96)


def padded_twice():
    """A padding that a convolution with a normalization takes in, and one that is left."""
    image = keras.Input((None, None, 3))
    x = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(image)
    x = keras.layers.Conv2D(8, 3, strides=2, use_bias=False, name="taken")(keras.layers.Dropout(0.5)(x))
    x = keras.layers.ReLU()(keras.layers.BatchNormalization()(x))
    x = keras.layers.Conv2D(8, 3, name="left")(keras.layers.ZeroPadding2D(3)(x))
    x = ks.layers.UpsampleConv(6)(x)
    return keras.Model(image, keras.layers.Conv2D(4, 1, name="logits")(x))


MODELS = {
    "padded": padded_twice,
    "UNet": lambda: ks.models.UNet(num_classes=3, backbone="MobileNetV2", weights=None),
    "SegFormer": lambda: ks.models.SegFormer(num_classes=3, backbone="Compact", weights=None),
}


@pytest.mark.parametrize("subpixel", [False, True, "deep"])
@pytest.mark.parametrize("name", MODELS)
def test_one_pass_is_three(name, subpixel):
    model = MODELS[name]()
    draw = np.random.default_rng(3)
    for variable in model.weights:
        variable.assign(variable + draw.uniform(0.05, 0.2, variable.shape))
    found = inference_graph(model, SIZE, subpixel=subpixel)
    expected = ks.surgery.fold_upsampling(ks.surgery.fold_batch_norm(model, input_size=SIZE), subpixel=subpixel)
    expected = ks.surgery.fold_padding(expected)
    assert [(type(layer), layer.name) for layer in found.layers] == [
        (type(layer), layer.name) for layer in expected.layers
    ]
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in found.layers)
    for ours, theirs in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    image = draw.uniform(0, 255, (1, *SIZE, 3)).astype("float32")
    scores = model.predict(image, verbose=0)
    np.testing.assert_allclose(found.predict(image, verbose=0), scores, atol=1e-4 * np.abs(scores).max())


def test_no_layer_is_called_that_is_replaced_again():
    """A normalization goes into an UpsampleConv, of which the next folding makes plain layers."""
    image = keras.Input((8, 8, 4))
    model = keras.Model(image, ks.layers.UpsampleConv(6, name="up")(image))
    form = inference_graph(model, (8, 8))
    assert [layer.name for layer in form.layers[1:]] == ["up_enlarge", "up"]
    assert len(form.inputs[0]._keras_history.operation._outbound_nodes) == 1
