"""Random numbers equal to TensorFlow's stateless ones."""

import numpy as np
import pytest

from keras_seg import _philox

pytestmark = pytest.mark.tensorflow_only
tf = pytest.importorskip("tensorflow", reason="needs tensorflow")
SEEDS = [(0, 0), (1, 0), (0, 1), (-1, 5), (2**40 + 3, -(2**63)), (2**63 - 1, 123456789)]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("shape", [(), (1,), (5,), (33, 3), (2, 7, 5, 3)], ids=str)
def test_numbers_are_those_of_tensorflow(seed, shape):
    key = tf.constant(seed, tf.int64)
    uniform = tf.random.stateless_uniform(shape, key, alg="philox").numpy()
    np.testing.assert_array_equal(_philox.uniform(seed, shape), uniform)
    normal = tf.random.stateless_normal(shape, key, alg="philox").numpy()
    np.testing.assert_allclose(_philox.normal(seed, shape), normal, atol=2e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("count", [0, 1, 2, 1001])
def test_doubles_are_those_of_tensorflow(seed, count):
    expected = tf.random.stateless_uniform((count,), tf.constant(seed, tf.int64), dtype=tf.float64)
    np.testing.assert_array_equal(_philox.uniform_double(seed, count), expected.numpy())


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("number", "bits"), [(0, 32), (-7, 32), (2**31 - 1, 32), (0, 64), (-(2**50), 64), (9, 64)])
def test_seeds_are_those_of_tensorflow(seed, number, bits):
    fold_in = tf.random.experimental.stateless_fold_in
    expected = fold_in(tf.constant(seed, tf.int64), tf.constant(number, f"int{bits}"), alg="philox")
    assert _philox.fold_in(seed, number, bits=bits) == tuple(expected.numpy().tolist())
