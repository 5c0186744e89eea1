"""DilatedPooling2D against loops and against Keras."""

import keras
import numpy as np
import pytest
from layer_harness import check_layer

import keras_seg as ks
from keras_seg import _validation


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def looped(x, pool_size, rate, mode, padding):
    """Window by window; padded pixels are absent."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=np.nan)
    rows, columns = (x.shape[a + 1] - (pool_size[a] - 1) * rate[a] for a in (0, 1))
    out = np.empty((x.shape[0], rows, columns, x.shape[-1]))
    for i in range(rows):
        for j in range(columns):
            window = x[:, i : i + (pool_size[0] - 1) * rate[0] + 1 : rate[0]]
            window = window[:, :, j : j + (pool_size[1] - 1) * rate[1] + 1 : rate[1]]
            out[:, i, j] = (np.nanmax if mode == "max" else np.nanmean)(window, axis=(1, 2))
    return out


@pytest.mark.parametrize("mode", ["max", "average"])
@pytest.mark.parametrize(
    "pool_size, rate, padding",
    [((2, 2), (1, 1), ((0, 0), (0, 0))), ((3, 2), (2, 3), ((0, 0), (0, 0))), ((3, 3), (2, 1), ((1, 3), (1, 1)))],
)
def test_against_loops(mode, pool_size, rate, padding, tmp_path):
    x = noise(2, 9, 8, 3)
    found = check_layer(
        ks.layers.DilatedPooling2D(pool_size, dilation_rate=rate, mode=mode, padding=padding), x, tmp_path
    )
    np.testing.assert_allclose(found, looped(x, pool_size, rate, mode, padding), rtol=1e-5, atol=1e-6)


def test_without_dilation_it_is_kerass():
    x = noise(1, 7, 7, 2)
    for mode, layer in (("max", keras.layers.MaxPooling2D), ("average", keras.layers.AveragePooling2D)):
        np.testing.assert_allclose(
            keras.ops.convert_to_numpy(ks.layers.DilatedPooling2D(3, dilation_rate=1, mode=mode)(x)),
            keras.ops.convert_to_numpy(layer(3, strides=1)(x)),
            rtol=1e-5,
            atol=1e-6,
        )


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"pool_size": 0}, "`pool_size` must be an integer"),
        ({"dilation_rate": (1, 2, 3)}, "`dilation_rate` must be one integer or a pair"),
        ({"mode": "mean"}, "`mode` is not a known option"),
        ({"padding": 1}, "`padding` must be"),
        ({"padding": ((0, -1), (0, 0))}, "`padding` must be an integer of at least 0"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message):
        ks.layers.DilatedPooling2D(**kwargs)
