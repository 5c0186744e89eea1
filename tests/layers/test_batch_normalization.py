"""BatchNormalization: whatever form computes it, the numbers are those of Keras' layer."""

import keras
import numpy as np
import pytest

from keras_seg import layers

pytestmark = pytest.mark.tensorflow_only


def pair(shape, **arguments):
    """Our layer and Keras', with the same weights, none of them at its initial value."""
    random = np.random.default_rng(1)
    found = []
    for kind in (layers.BatchNormalization, keras.layers.BatchNormalization):
        layer = kind(**arguments)
        layer.build(shape)
        found.append(layer)
    values = [random.uniform(0.5, 2, weight.shape) for weight in found[0].weights]
    for layer in found:
        layer.set_weights(values)
    return found


def step(layer, maps):
    """(outputs, gradients of the maps and weights, moving statistics) of one training step."""
    import tensorflow as tf

    maps = tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        outputs = layer(maps, training=True)
        loss = tf.reduce_sum(tf.cast(outputs, "float32") ** 3)
    watched = [maps, *(weight.value for weight in layer.trainable_weights)]
    return outputs, tape.gradient(loss, watched), layer.non_trainable_weights


def fused_calls(monkeypatch):
    """A list that grows with every call of the fused form."""
    calls, fused = [], layers.BatchNormalization._fused
    monkeypatch.setattr(layers.BatchNormalization, "_fused", lambda self, maps: (calls.append(1), fused(self, maps))[1])
    return calls


@pytest.mark.parametrize(
    "shape, arguments",
    [
        ((2, 5, 7, 3), {}),
        (
            (1, 2, 2, 4),
            {"epsilon": 1e-5, "momentum": 0.5},
        ),  # With Bessel's correction, a third more variance.
        ((3, 4, 4, 2), {"center": False}),
        ((3, 4, 4, 2), {"scale": False, "axis": 3}),
        ((1, 1, 1, 2), {}),  # No variance at all.
    ],
)
def test_training_is_that_of_keras(monkeypatch, shape, arguments):
    calls = fused_calls(monkeypatch)
    maps = np.random.default_rng(0).normal(3, 2, shape).astype("float32")
    ours, theirs = (step(layer, maps) for layer in pair(shape, **arguments))
    assert calls
    for mine, his in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        scale = np.abs(np.array(his)).max() + 1
        np.testing.assert_allclose(np.array(mine) / scale, np.array(his) / scale, atol=1e-5)


def test_bfloat16_training_is_that_of_float32_rounded(monkeypatch):
    calls = fused_calls(monkeypatch)
    maps = np.random.default_rng(0).normal(3, 2, (2, 9, 7, 5)).astype("float32")
    maps = np.array(keras.ops.cast(keras.ops.cast(maps, "bfloat16"), "float32"))  # Exactly what both are given.
    half, theirs = pair(maps.shape, dtype="mixed_bfloat16")
    _, whole = pair(maps.shape)
    found, expected, plain = (step(layer, maps) for layer in (half, whole, theirs))
    assert len(calls) == 1
    assert found[0].dtype == "bfloat16"
    statistics = zip(found[2], expected[2], strict=True)
    for mine, exact in statistics:  # Computed in float32.
        np.testing.assert_allclose(np.array(mine), np.array(exact), rtol=1e-5)
    parts = [[np.array(keras.ops.cast(x, "float32")) for x in (one[0], *one[1])] for one in (found, expected, plain)]
    for mine, exact, others in zip(*parts, strict=True):
        # One rounding of eight bits for the result, and no further from it than Keras' composed form is.
        error, theirs_error = (np.abs(x - exact).max() / np.abs(exact).max() for x in (mine, others))
        assert error < 0.02
        assert error < 2 * theirs_error + 2**-8


@pytest.mark.parametrize(
    "shape, arguments",
    [
        ((4, 6), {}),
        ((2, 3, 4, 5), {"axis": 1}),
        ((2, 3, 4, 5), {"renorm": True}),
        ((2, 3, 4, 5), {"dtype": "mixed_float16"}),
        ((2, 3, 4, 5), {"dtype": "float64"}),
        ((2, 3, 4, 5), {"dtype": "bfloat16"}),
    ],
)
def test_everything_else_is_keras_own(monkeypatch, shape, arguments):
    calls = fused_calls(monkeypatch)
    maps = np.random.default_rng(0).normal(3, 2, shape).astype("float32")
    ours, theirs = (step(layer, maps) for layer in pair(shape, **arguments))
    assert not calls
    for mine, his in zip(keras.tree.flatten(ours), keras.tree.flatten(theirs), strict=True):
        np.testing.assert_array_equal(np.array(mine), np.array(his))


def test_frozen_and_in_inference_it_changes_nothing(monkeypatch):
    calls = fused_calls(monkeypatch)
    layer, theirs = pair((2, 4, 4, 3))
    maps, before = np.ones((2, 4, 4, 3), "float32"), layer.get_weights()
    np.testing.assert_array_equal(layer(maps), theirs(maps))
    layer.trainable = False
    layer(maps, training=True)
    assert not calls
    for now, old in zip(layer.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, old)


def test_it_is_saved_and_takes_weights_of_keras_layer(tmp_path):
    image = keras.Input((8, 8, 3))
    models = [keras.Model(image, layer(image)) for layer in pair((None, 8, 8, 3), name="norm")]
    models[0].save(tmp_path / "ours.keras")
    assert type(keras.saving.load_model(tmp_path / "ours.keras").layers[1]) is layers.BatchNormalization
    models[1].save_weights(tmp_path / "theirs.weights.h5")
    models[0].layers[1].set_weights([np.zeros(3)] * 4)
    models[0].load_weights(tmp_path / "theirs.weights.h5")
    maps = np.random.default_rng(0).normal(size=(1, 8, 8, 3)).astype("float32")
    np.testing.assert_array_equal(models[0](maps), models[1](maps))
