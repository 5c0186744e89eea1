"""LocalResponseNormalization against torch, TensorFlow, and Caffe's formula in loops."""

import keras
import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops
from layer_harness import check_layer

from keras_seg import _validation
from keras_seg.layers import LocalResponseNormalization


def run(x, **kwargs):
    return np.asarray(ops.convert_to_numpy(LocalResponseNormalization(**kwargs)(x)))


def slow(x, size, alpha, beta, bias):
    """Caffe's lrn_layer.cpp: scale = k + alpha / size * sum over the window, y = x * scale ** -beta."""
    out = np.empty(x.shape)
    channels = x.shape[-1]
    for place in np.ndindex(x.shape):
        window = range(max(place[-1] - size // 2, 0), min(place[-1] + size // 2 + 1, channels))
        energy = sum(float(x[(*place[:-1], channel)]) ** 2 for channel in window)
        out[place] = x[place] / (bias + alpha / size * energy) ** beta
    return out


SETTINGS = [(3, 5, 1e-4, 0.75, 1.0), (7, 3, 0.5, 0.6, 2.0), (4, 7, 1e-3, 1.0, 1.0), (6, 1, 0.1, 0.75, 1.0)]


@pytest.mark.parametrize("channels, size, alpha, beta, bias", SETTINGS)
def test_equals_caffe_torch_and_tensorflow(channels, size, alpha, beta, bias):
    torch, tf = pytest.importorskip("torch"), pytest.importorskip("tensorflow")
    x = np.random.default_rng(0).uniform(-255, 255, size=(2, 3, 2, channels)).astype("float32")
    result = run(x, size=size, alpha=alpha, beta=beta, bias=bias)
    np.testing.assert_allclose(result, slow(x, size, alpha, beta, bias), rtol=1e-5)
    peer = torch.nn.LocalResponseNorm(size, alpha, beta, bias)(torch.tensor(x).double().permute(0, 3, 1, 2))
    np.testing.assert_allclose(result, peer.permute(0, 2, 3, 1).numpy(), rtol=1e-5)
    # TensorFlow's alpha is not divided by the size of the window.
    peer = tf.nn.local_response_normalization(x, size // 2, bias, alpha / size, beta)
    np.testing.assert_allclose(result, peer.numpy(), rtol=1e-4)


def test_a_white_pixel_by_hand():
    """1 + 1e-4 / 5 * 3 * 255^2 = 4.9015, to the power 0.75 = 3.2941; 255 / 3.2941 = 77.41."""
    np.testing.assert_allclose(run(np.full((1, 1, 1, 3), 255.0, "float32")), 77.41, atol=5e-3)


def test_the_harness(tmp_path):
    x = np.random.default_rng(0).uniform(0, 255, size=(2, 5, 4, 3)).astype("float32")
    check_layer(LocalResponseNormalization(), x, tmp_path)


def test_half_precision_does_not_overflow():
    """255^2 * 3 = 195,075 is beyond float16's 65,504."""
    assert np.isfinite(run(np.full((1, 1, 1, 3), 255.0, "float32"), dtype="mixed_float16")).all()


def test_gradient():
    x = np.random.default_rng(0).normal(size=(1, 1, 2, 4)) * 3
    layer = LocalResponseNormalization(size=3, alpha=0.5)
    weights = np.arange(8.0).reshape(x.shape)
    weighted = ops.convert_to_tensor(weights.astype("float32"))
    found = gradient(lambda tensor: ops.sum(layer(tensor) * weighted), x)
    expected = numeric_gradient(lambda array: float((slow(array, 3, 0.5, 0.75, 1.0) * weights).sum()), x)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TFLite files come from TensorFlow")
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("channels", [3, 8])
def test_built_in_operators_of_tflite(channels, tmp_path):
    import keras_seg as ks

    image = keras.Input((6, 5, channels))
    model = keras.Model(image, LocalResponseNormalization()(image))
    assert ks.export.tflite(model, tmp_path / "m.tflite").max_abs_difference < 1e-4


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"size": 4}, "`size` must be odd.*Pass 5"),
        ({"size": 0}, "`size` must be an integer of at least 1"),
        ({"alpha": -1}, "`alpha` must be a finite number"),
        ({"beta": "high"}, "`beta` must be a finite number"),
        ({"bias": 0}, "`bias` must be positive"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        LocalResponseNormalization(**kwargs)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("alpha", [0.0, 1e-4, 0.3, 7.0])
def test_no_bit_depends_on_how_squares_are_kept_small(alpha):
    """Squares are scaled by a power of two."""
    x = np.random.default_rng(0).uniform(-255, 255, (1, 4, 4, 3)).astype("float32")
    energy = 3 * ops.mean(ops.convert_to_tensor(x * x), axis=-1, keepdims=True)
    expected = ops.convert_to_tensor(x) * ops.power(1.0 + alpha / 5 * energy, -0.75)
    np.testing.assert_array_equal(run(x, alpha=alpha), ops.convert_to_numpy(expected))
