"""Attention2D and JointAttention2D against NumPy, PadToMinimum by hand, normalizations against others."""

import keras
import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops
from layer_harness import check_layer

import keras_seg as ks
from keras_seg.layers import attention2d
from keras_seg.layers.attention2d import Attention2D, JointAttention2D
from keras_seg.layers.channel_normalization import ChannelNormalization
from keras_seg.layers.global_response_normalization import GlobalResponseNormalization
from keras_seg.layers.pad_to_minimum import PadToMinimum


def maps(*shapes):
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype("float32") for shape in shapes]


def slow_attention(query, key, value, heads):
    result = np.zeros((*query.shape[:3], value.shape[-1]))
    size, width = query.shape[-1] // heads, value.shape[-1] // heads
    for image, row, column in np.ndindex(*query.shape[:3]):
        for head in range(heads):
            channels = slice(head * size, (head + 1) * size)
            products = key[image, :, :, channels] @ query[image, row, column, channels].astype("float64")
            weights = np.exp(products / np.sqrt(size))
            seen = value[image, :, :, head * width : (head + 1) * width]
            mean = (weights[..., None] * seen).sum((0, 1)) / weights.sum()
            result[image, row, column, head * width : (head + 1) * width] = mean
    return result


@pytest.mark.parametrize("heads, reduced", [(1, (5, 4)), (3, (2, 3)), (2, (1, 1))])
def test_attention_equals_loops(heads, reduced, tmp_path):
    inputs = maps((2, 5, 4, 6), (2, *reduced, 6), (2, *reduced, 12))
    found = check_layer(Attention2D(heads), inputs, tmp_path)
    np.testing.assert_allclose(found, slow_attention(*inputs, heads), atol=1e-5)


def test_joint_attention_equals_numpy(tmp_path):
    inputs = maps((2, 5, 4, 6), (2, 5, 4, 6), (2, 5, 4, 3))
    found = check_layer(JointAttention2D(), inputs, tmp_path)
    query, key, value = (x.reshape(2, 20, -1).astype("float64") for x in inputs)
    weights = np.exp(query @ key.transpose(0, 2, 1))
    mean = weights / weights.sum((1, 2), keepdims=True) @ value
    np.testing.assert_allclose(found, mean.reshape(2, 3, 5, 4).transpose(0, 2, 3, 1), atol=1e-6)


@pytest.mark.parametrize("layer", [Attention2D(2), JointAttention2D()], ids=lambda layer: type(layer).__name__)
def test_gradients(layer):
    rows = 2 if isinstance(layer, JointAttention2D) else 1
    query, key, value = maps((1, 2, 2, 4), (1, 2, rows, 4), (1, 2, rows, 4))

    def total(x):
        return ops.sum(ops.square(layer([x, key, value])))

    np.testing.assert_allclose(gradient(total, query), numeric_gradient(total, query), atol=1e-2)


def test_global_response_equals_numpy(tmp_path):
    """Unchanged at first; a channel that is 0 everywhere stays 0, and its gradient is finite."""
    x = maps((2, 5, 4, 6))[0]
    x[..., 2] = 0
    layer = GlobalResponseNormalization()
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), x)
    gamma, beta = np.random.default_rng(1).normal(size=(2, 6))
    layer.set_weights([gamma, beta])
    norm = np.sqrt((x.astype("float64") ** 2).sum((1, 2), keepdims=True))
    expected = x + gamma * x * norm / (norm.mean(-1, keepdims=True) + 1e-6) + beta
    np.testing.assert_allclose(check_layer(layer, x, tmp_path), expected, rtol=1e-4, atol=1e-5)
    assert np.isfinite(gradient(lambda x: ops.sum(layer(x)), x)).all()


@pytest.mark.tensorflow_only
def test_multiply_adds():
    """20 queries of 6 channels with 6 keys, and as many weighted sums of 12 channels."""
    query, small = keras.Input((5, 4, 6)), keras.Input((2, 3, 6))
    assert Attention2D(2).multiply_adds([(1, 5, 4, 6), (1, 2, 3, 6), (1, 2, 3, 12)]) == 20 * 6 * 6 + 20 * 6 * 12
    assert Attention2D(2)([query, small, small]).shape == (None, 5, 4, 6)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "shapes, message",
    [
        ([(1, 2, 2, 4), (1, 2, 2, 4)], "must be the list"),
        ([(1, 4, 4), (1, 4, 4), (1, 4, 4)], "must be the list"),
        ([(1, 2, 2, 4), (1, 2, 2, 6), (1, 2, 2, 4)], "same channels"),
        ([(1, 2, 2, 4), (1, 2, 2, 4), (1, 2, 2, 5)], "2 heads divide"),
    ],
)
def test_inputs_that_do_not_fit(shapes, message):
    with pytest.raises(ks.InputError, match=message) as caught:
        Attention2D(2)(maps(*shapes))
    assert "\n" not in str(caught.value)


@pytest.mark.tensorflow_only
def test_attention_beyond_the_memory_is_refused(monkeypatch):
    """20 positions have 400 pairs, of 8 bytes per image; where sizes are unknown, the images that come are checked."""
    layer = JointAttention2D()
    (x,) = maps((2, 5, 4, 6))
    layer([x, x, x])
    monkeypatch.setattr(attention2d, "installed_memory", lambda: 2 * 3200 - 1)
    layer([x[:1], x[:1], x[:1]])
    with pytest.raises(ks.InputError, match=r"takes 0.0 GiB here.*Received: inputs='a map of 5x4'") as caught:
        layer([x, x, x])
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(attention2d, "installed_memory", lambda: None)
    layer([x, x, x])


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (3, 4), (7, 2)])
def test_padding_to_a_minimum(size, tmp_path):
    (x,) = maps((2, *size, 3))
    found = check_layer(PadToMinimum((3, 4)), x, tmp_path)
    rows, columns = max(0, 3 - size[0]), max(0, 4 - size[1])
    np.testing.assert_array_equal(found, np.pad(x, ((0, 0), (0, rows), (0, columns), (0, 0)), mode="edge"))


def test_normalization_equals_keras(tmp_path):
    (x,) = maps((2, 3, 4, 8))
    layer, theirs = ChannelNormalization(0.1), keras.layers.LayerNormalization(epsilon=0.1)
    for made in (layer, theirs):
        made.build(x.shape)
    layer.set_weights(maps((8,), (8,)))
    theirs.set_weights(layer.get_weights())
    expected = ops.convert_to_numpy(theirs(x))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-5)
    check_layer(ChannelNormalization(1e-6), x, tmp_path)


@pytest.mark.thorough
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
def test_normalization_in_sixteen_bits(tmp_path):
    """TFLite has no 16-bit kernel for the operator in Keras' form."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3)(keras.layers.Rescaling(1 / 64, offset=-2)(image))
    x = keras.layers.Softmax()(keras.layers.Conv2D(3, 1)(ChannelNormalization(1e-6)(x)))
    pixels = np.random.default_rng(0).uniform(0, 255, (4, 16, 16, 3)).astype("float32")
    path = tmp_path / "m.tflite"
    report = ks.export.tflite(keras.Model(image, x), path, quantize="int16x8", representative=pixels)
    assert report.agreement > 0.97
    assert "SQUARED_DIFFERENCE" not in report.ops
