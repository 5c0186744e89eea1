"""Bilinear and ICNR: numbers by hand, and what the layers they start compute."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_seg import _validation
from keras_seg.initializers import ICNR, Bilinear
from keras_seg.layers import Resize2D


def values(tensor):
    return np.asarray(ops.convert_to_numpy(tensor))


def test_bilinear_golden():
    """Kernel 4: f = 2, c = 1.5, so 1 - 1.5/2 = 1/4 and 1 - 0.5/2 = 3/4: 1 3 3 1 quarters in each direction."""
    kernel = values(Bilinear()((4, 4, 2, 2)))
    expected = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 16
    np.testing.assert_array_equal(kernel[:, :, 0, 0], expected)
    np.testing.assert_array_equal(kernel[:, :, 1, 1], expected)
    assert not kernel[:, :, 0, 1].any()
    assert not kernel[:, :, 1, 0].any()


def test_bilinear_of_odd_and_oblong_kernels():
    """Kernel 3: f = 2, c = 1: 1/2 1 1/2."""
    np.testing.assert_allclose(values(Bilinear()((3, 1, 1, 1))).ravel(), [0.5, 1, 0.5])
    np.testing.assert_allclose(values(Bilinear()((1, 3, 1, 1))).ravel(), [0.5, 1, 0.5])


def test_one_kernel_a_channel():
    single, dense = values(Bilinear()((4, 4, 3, 1))), values(Bilinear()((4, 4, 3, 3)))
    for channel in range(3):
        np.testing.assert_array_equal(single[:, :, channel, 0], dense[:, :, channel, channel])


@pytest.mark.parametrize("stride", [1, 2, 3, 4, 8, 16, 32])
def test_weights_sum_to_the_square_of_the_stride(stride):
    size = 2 * stride - stride % 2
    assert values(Bilinear()((size, size, 1, 1))).sum() == pytest.approx(stride**2, rel=1e-5)


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_transposed_convolution_starts_as_bilinear_resizing(stride):
    x = np.random.default_rng(0).normal(size=(2, 6, 7, 3)).astype("float32")
    layer = keras.layers.Conv2DTranspose(
        3,
        2 * stride - stride % 2,
        strides=stride,
        padding="same",
        use_bias=False,
        kernel_initializer=Bilinear(),
        data_format="channels_last",
    )
    inside = (slice(None), slice(stride, -stride), slice(stride, -stride))
    np.testing.assert_allclose(values(layer(x))[inside], values(Resize2D(stride)(x))[inside], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_icnr_repeats_the_kernel_for_each_pixel_of_a_block(scale):
    inner = keras.initializers.GlorotUniform(seed=3)
    kernel = values(ICNR(scale, initializer=inner)((3, 3, 4, 5 * scale**2)))
    expected = values(inner((3, 3, 4, 5)))
    for position in range(scale**2):
        np.testing.assert_array_equal(kernel[..., position * 5 : (position + 1) * 5], expected)
    assert kernel.std() > 0.05


@pytest.mark.parametrize(
    "initializer", [Bilinear(), ICNR(3, initializer=keras.initializers.RandomNormal(stddev=0.1, seed=1))]
)
def test_serialization(initializer, tmp_path):
    config = keras.initializers.serialize(initializer)
    clone = keras.initializers.deserialize(config)  # No custom_objects.
    assert type(clone) is type(initializer)
    assert keras.initializers.serialize(clone) == config
    shape = (3, 3, 9, 9)
    np.testing.assert_array_equal(values(clone(shape)), values(initializer(shape)))
    inputs = keras.Input((8, 8, 9))
    model = keras.Model(inputs, keras.layers.Conv2D(9, 3, kernel_initializer=initializer)(inputs))
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras").layers[-1].kernel_initializer
    assert keras.initializers.serialize(loaded) == config


@pytest.mark.parametrize("initializer", [Bilinear(), ICNR()])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", None])
def test_dtypes(initializer, dtype):
    kernel = initializer((4, 4, 4, 4), dtype=dtype)
    assert keras.backend.standardize_dtype(kernel.dtype) == (dtype or "float32")
    assert tuple(kernel.shape) == (4, 4, 4, 4)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Bilinear()((4, 4, 3, 2)), "`shape` must be .height, width, filters, channels. with as many filters"),
        (lambda: Bilinear()((4, 3, 3)), "`shape` must be .height, width, filters, channels."),
        (lambda: ICNR(0), "`factor` must be an integer of at least 1"),
        (lambda: ICNR(2, initializer=None), "`initializer` must be a Keras initializer"),
        (lambda: ICNR(2)((3, 3, 4, 6)), r"`shape` must end in a multiple of factor \* factor = 4 filters"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(_validation.InputError, match=message):
        make()
