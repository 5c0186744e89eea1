"""The deconvolution of single channels: against the dense one, torch, constants and ramps."""

import keras
import numpy as np
import pytest
from keras import ops
from layer_harness import check_layer

from keras_seg import _validation
from keras_seg.initializers import Bilinear
from keras_seg.layers import ChannelDeconvolution2D, export_form


def run(layer, x):
    return np.asarray(ops.convert_to_numpy(layer(x)))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize("stride", [2, 8])
def test_equals_the_dense_deconvolution(padding, learned, stride):
    """And so Conv2DTranspose of Keras with the diagonal kernel, a quite different computation."""
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    dense = keras.layers.Conv2DTranspose(
        3, 2 * stride, strides=stride, padding=padding, use_bias=False, kernel_initializer=Bilinear()
    )
    result = run(ChannelDeconvolution2D(stride, padding=padding, trainable=learned), x)
    np.testing.assert_allclose(result, run(dense, x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("stride", "padding"),
    [*((stride, "same") for stride in (2, 4, 8, 32)), *((stride, "valid") for stride in (1, 2, 3, 4, 8, 32))],
)
def test_the_form_for_phone_gpus_is_equal(stride, padding):
    x = np.random.default_rng(0).normal(size=(1, 3, 5, 4)).astype("float32")
    layer = ChannelDeconvolution2D(stride, padding=padding)
    with export_form.portable(choosing="products"):
        found = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(found, ops.convert_to_numpy(layer(x)), atol=1e-5)


def test_learned_kernels_stay_apart():
    """Each channel has its own kernel: scaling one scales its channel and no other."""
    x = np.random.default_rng(0).normal(size=(1, 3, 4, 3)).astype("float32")
    layer = ChannelDeconvolution2D(2, trainable=True)
    before = run(layer, x)
    layer.set_weights([layer.get_weights()[0] * np.array([1, 5, 1])[:, None]])
    np.testing.assert_allclose(run(layer, x), before * np.array([1, 5, 1]), rtol=1e-5, atol=1e-5)


def test_enlarges_ramps_exactly_inside():
    """Output pixel p lies at (p + 0.5) / s - 0.5 of the input: a ramp of slope 1 becomes one of slope 1 / s."""
    x = np.arange(6, dtype="float32")[None, None, :, None] * np.ones((1, 6, 1, 1), "float32")
    result = run(ChannelDeconvolution2D(4), x)[0, 8, :, 0]
    expected = (np.arange(24) + 0.5) / 4 - 0.5
    np.testing.assert_allclose(result[2:-2], expected[2:-2], rtol=1e-5, atol=1e-5)
    assert abs(result[-1] - expected[-1]) > 1  # Beyond the last center it fades: what is outside counts as zero.


@pytest.mark.parametrize("kwargs", [{}, {"padding": "valid"}, {"trainable": True}])
def test_the_harness(kwargs, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    check_layer(ChannelDeconvolution2D(4, **kwargs), x, tmp_path)


@pytest.mark.parametrize("learned", [False, True])
def test_freezing_neither_adds_nor_removes_a_kernel(learned, tmp_path):
    """Also in configs that tell of kernel and freezing by one value."""
    image = keras.Input((None, None, 3))
    layer = ChannelDeconvolution2D(2, trainable=learned)
    model = keras.Model(image, layer(image))
    for trained in (True, False):
        layer.trainable = trained
        model.save(tmp_path / "model.keras")
        (again,) = keras.saving.load_model(tmp_path / "model.keras").layers[1:]
        assert (again.has_kernel, again.trainable) == (learned, trained)
        assert (len(again.weights), len(again.trainable_weights)) == (learned, learned and trained)
    config = {key: value for key, value in layer.get_config().items() if key != "has_kernel"}
    old = ChannelDeconvolution2D.from_config({**config, "trainable": learned})
    assert (old.has_kernel, old.trainable) == (learned, learned)


@pytest.mark.parametrize("kwargs", [{"strides": 0}, {"strides": 2, "padding": "full"}, {"strides": 3}, {"strides": 1}])
def test_bad_arguments(kwargs):
    with pytest.raises(_validation.InputError):
        ChannelDeconvolution2D(**kwargs)
