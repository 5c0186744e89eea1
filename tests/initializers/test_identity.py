"""IdentityKernel: equations 4 and 5 of Yu and Koltun by hand, and as a convolution."""

import keras
import numpy as np
import pytest
from keras import ops

import keras_seg as ks
from keras_seg import _validation


def kernel(shape, **kwargs):
    return ops.convert_to_numpy(ks.initializers.IdentityKernel(**kwargs)(shape))


def test_equation_4_is_the_identity():
    x = np.random.default_rng(0).normal(size=(1, 6, 7, 5)).astype("float32")
    layer = keras.layers.Conv2D(
        5, 3, padding="same", dilation_rate=2, kernel_initializer=ks.initializers.IdentityKernel()
    )
    np.testing.assert_array_equal(ops.convert_to_numpy(layer(x)), x)


@pytest.mark.parametrize("channels, filters", [(3, 6), (6, 6), (6, 12), (12, 3)])
def test_equation_5(channels, filters):
    """Written out: C / max(c_i, c_i+1) at the center where floor(aC / c_i) == floor(bC / c_i+1), else noise."""
    found = kernel((3, 3, channels, filters), groups=3, noise=1e-3, seed=1)
    for a in range(channels):
        for b in range(filters):
            belongs = a * 3 // channels == b * 3 // filters
            center = found[1, 1, a, b]
            assert center == pytest.approx(3 / max(channels, filters)) if belongs else 0 < abs(center) < 0.01
    edges = np.delete(found.reshape(9, -1), 4, axis=0)
    assert 5e-4 < edges.std() < 2e-3


def test_noise_is_reproducible():
    shape = (3, 3, 2, 4)
    np.testing.assert_array_equal(kernel(shape, noise=0.1, seed=3), kernel(shape, noise=0.1, seed=3))
    assert np.abs(kernel(shape, noise=0.1, seed=3) - kernel(shape, noise=0.1, seed=4)).max() > 0


def test_noise_without_a_seed_follows_that_of_keras():
    made, shape = ks.initializers.IdentityKernel(noise=0.1), (3, 3, 2, 4)
    keras.utils.set_random_seed(5)
    first, second = (ops.convert_to_numpy(made(shape)) for _ in range(2))
    assert np.abs(first - second).max() > 0
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(ops.convert_to_numpy(made(shape)), first)


def test_round_trip_of_the_config():
    made = ks.initializers.IdentityKernel(groups=3, noise=0.5, seed=7)
    again = keras.initializers.deserialize(keras.initializers.serialize(made))
    np.testing.assert_array_equal(ops.convert_to_numpy(made((1, 1, 3, 6))), ops.convert_to_numpy(again((1, 1, 3, 6))))


@pytest.mark.parametrize(
    "kwargs, shape, message",
    [
        ({}, (2, 3, 4, 4), "`shape` must be .*height and width odd"),
        ({}, (3, 4), "`shape` must be"),
        ({"noise": 0.1, "seed": -1}, (3, 3, 4, 4), "`seed` must be an integer of at least 0"),
        ({"noise": 0.1, "seed": "a"}, (3, 3, 4, 4), "`seed` must be an integer of at least 0"),
        ({"groups": 3}, (3, 3, 4, 6), "`groups` must divide 4 channels and 6 filters"),
    ],
)
def test_bad_input(kwargs, shape, message):
    with pytest.raises(_validation.InputError, match=message):
        kernel(shape, **kwargs)
