"""Transposed convolutions with large strides, and their gradients."""

import keras
import numpy as np
import pytest
from gradients import compiled, gradient
from keras import ops

import keras_seg as ks
from keras_seg.layers.transposed_convolution import by_phases, conv_transpose


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [2, 3, 4, 32])
@pytest.mark.parametrize(("filters", "channels"), [(1, 1), (3, 2)])
def test_phases_are_the_same_function(padding, strides, filters, channels):
    if padding == "same" and strides % 2:
        pytest.skip("the layer refuses it")
    x, kernel = numbers(2, 4, 5, channels), numbers(2 * strides, 2 * strides, filters, channels, seed=1)
    expected = ops.conv_transpose(x, kernel, strides=strides, padding=padding, data_format="channels_last")
    found = by_phases(x, kernel, strides=strides, padding=padding)
    assert found.shape == expected.shape
    np.testing.assert_allclose(ops.convert_to_numpy(found), ops.convert_to_numpy(expected), atol=1e-5)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("strides", [16, 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_gradients_are_adjoint(padding, strides, channels):
    """Of two maps that are linear: <gradient for w, x> is <w, output>. oneDNN wanted 50 GB, and the process ended."""
    x, kernel = numbers(2, 7, 7, channels), numbers(2 * strides, 2 * strides, channels, channels, seed=1)
    output = ops.convert_to_numpy(conv_transpose(x, kernel, strides=strides, padding=padding))
    weights = numbers(*output.shape, seed=2)
    expected = np.sum(output.astype("float64") * weights)

    def weighted(output):
        return ops.sum(ops.multiply(output, ops.convert_to_tensor(weights)))

    def by_input(x):
        return weighted(conv_transpose(x, ops.convert_to_tensor(kernel), strides=strides, padding=padding))

    def by_kernel(kernel):
        return weighted(conv_transpose(ops.convert_to_tensor(x), kernel, strides=strides, padding=padding))

    scale = np.sqrt(np.sum((output * weights) ** 2))
    for function, point in ((by_input, x), (by_kernel, kernel)):
        found = gradient(compiled(function), point)
        assert found.shape == point.shape
        assert abs(np.sum(found.astype("float64") * point) - expected) < 1e-5 * scale


def test_a_layer_that_enlarges_32_times_is_trained():
    layers = keras.layers
    model = keras.Sequential(
        [keras.Input((8, 8, 3)), layers.Conv2D(2, 1), ks.layers.ChannelDeconvolution2D(32), layers.Softmax()]
    )
    model.compile("sgd", loss=ks.losses.Crossentropy())
    before = ops.convert_to_numpy(model.layers[0].kernel)
    masks = np.random.default_rng(0).integers(0, 2, (2, 256, 256)).astype("int32")
    assert np.isfinite(model.train_on_batch(numbers(2, 8, 8, 3), masks))
    assert np.abs(ops.convert_to_numpy(model.layers[0].kernel) - before).max() > 0
