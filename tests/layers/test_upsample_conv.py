"""UpsampleConv against resize + concatenate + convolution, made of Keras' own layers."""

import keras
import numpy as np
import pytest
from gradients import gradient
from keras import ops
from layer_harness import check_layer

from keras_seg import _validation
from keras_seg.layers import UpsampleConv


def maps(size, skip_size=None, channels=5, skip_channels=3, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, *size, channels)).astype("float32")
    if skip_size is None:
        return x
    return [x, rng.normal(size=(2, *skip_size, skip_channels)).astype("float32")]


def reference(inputs, kernel, bias, interpolation="nearest"):
    """The definition, layer by layer."""
    x, skip = inputs if isinstance(inputs, list) else (inputs, None)
    x = keras.layers.UpSampling2D(2, interpolation=interpolation, data_format="channels_last")(x)
    if skip is not None:
        x = ops.concatenate([x[:, : skip.shape[1], : skip.shape[2]], skip], axis=-1)
    return ops.nn.relu(ops.conv(x, kernel, padding="same", data_format="channels_last") + bias)


def built(inputs, **kwargs):
    layer = UpsampleConv(4, normalization=None, **kwargs)
    layer(inputs)
    rng = np.random.default_rng(1)
    layer.set_weights([rng.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
    return layer


SIZES = [((4, 6), None), ((4, 6), (8, 12)), ((3, 5), (5, 9)), ((3, 5), (6, 9)), ((1, 1), (1, 1)), ((1, 1), (2, 2))]


@pytest.mark.parametrize("size, skip_size", SIZES)
def test_values_equal_the_definition(size, skip_size):
    inputs = maps(size, skip_size)
    layer = built(inputs)
    expected = reference(inputs, layer.kernel, layer.bias)
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(inputs)), ops.convert_to_numpy(expected), rtol=1e-5, atol=2e-5
    )


@pytest.mark.parametrize("size, skip_size", SIZES)
def test_gradients_equal_the_definition(size, skip_size):
    inputs = maps(size, skip_size)
    layer = built(inputs)
    parts = inputs if isinstance(inputs, list) else [inputs]
    weights = ops.convert_to_tensor(np.random.default_rng(2).normal(size=layer(inputs).shape).astype("float32"))
    join = (lambda parts: list(parts)) if isinstance(inputs, list) else (lambda parts: parts[0])

    for index, part in enumerate(parts):

        def swapped(value, index=index):
            return join([value if k == index else ops.convert_to_tensor(p) for k, p in enumerate(parts)])

        ours = gradient(lambda v: ops.sum(layer(swapped(v)) * weights), part)
        theirs = gradient(lambda v: ops.sum(reference(swapped(v), layer.kernel, layer.bias) * weights), part)
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("size, skip_size", SIZES)
def test_kernel_gradient_equals_the_definition(size, skip_size):
    inputs = maps(size, skip_size)
    fast, plain = built(inputs), built(inputs, fused=False)
    kernel, bias = fast.get_weights()
    weights = ops.convert_to_tensor(np.random.default_rng(2).normal(size=fast(inputs).shape).astype("float32"))

    def through(layer):
        def loss(value):
            outputs = layer.stateless_call([value, ops.convert_to_tensor(bias)], [], inputs)[0]
            return ops.sum(outputs * weights)

        return gradient(loss, kernel)

    def definition(value):
        return ops.sum(reference(inputs, value, ops.convert_to_tensor(bias)) * weights)

    expected = gradient(definition, kernel)
    np.testing.assert_allclose(through(fast), expected, rtol=1e-4, atol=2e-4)
    np.testing.assert_allclose(through(plain), expected, rtol=1e-4, atol=2e-4)


def test_the_fused_form_is_the_one_that_ran(monkeypatch):
    """Guards the tests above: where sizes are even the definition's path must not be taken, and where odd it must."""
    calls = []
    plain = UpsampleConv._plain
    monkeypatch.setattr(UpsampleConv, "_plain", lambda self, *args: calls.append(args) or plain(self, *args))
    even, odd = maps((4, 6), (8, 12)), maps((3, 5), (5, 9))
    UpsampleConv(4)(even)
    UpsampleConv(4)(even[0])
    assert not calls
    UpsampleConv(4)(odd)
    assert len(calls) == 1
    UpsampleConv(4, kernel_size=5)(even)
    UpsampleConv(4, interpolation="bilinear")(even)
    UpsampleConv(4, fused=False)(even)
    assert len(calls) == 4


@pytest.mark.parametrize("odd_sizes", [True, False])
def test_unknown_sizes(odd_sizes):
    layer = UpsampleConv(4, odd_sizes=odd_sizes, normalization=None)
    x, skip = keras.Input((None, None, 5)), keras.Input((None, None, 3))
    model = keras.Model([x, skip], layer([x, skip]))
    assert model.output_shape == (None, None, None, 4)
    for size in ((4, 6), (7, 3)):
        inputs = maps(size, (2 * size[0], 2 * size[1]))
        expected = ops.convert_to_numpy(reference(inputs, layer.kernel, layer.bias))
        np.testing.assert_allclose(model.predict(inputs, verbose=0), expected, rtol=1e-5, atol=2e-5)


def test_bilinear_equals_keras():
    inputs = maps((4, 6), (8, 12))
    layer = built(inputs, interpolation="bilinear")
    expected = reference(inputs, layer.kernel, layer.bias, "bilinear")
    np.testing.assert_allclose(
        ops.convert_to_numpy(layer(inputs)), ops.convert_to_numpy(expected), rtol=1e-5, atol=2e-5
    )


UNIT_ROUNDOFF = {"float16": 2.0**-11, "bfloat16": 2.0**-8}


@pytest.mark.parametrize("dtype", UNIT_ROUNDOFF)
class TestHalfPrecision:
    """Bounds that hold on every processor, because the numbers decide what is rounded.

    Inputs are whole numbers up to 64, weights up to 32 / 1024 and the fused kernel's up to 128 / 1024: both dtypes hold
    them. A sum of up to 432 products of theirs is a whole number below 2^24, over 1024, so float32 holds it in any
    order. A convolution that sums in float32 rounds once, and so does a sum of maps. Rounding a value v that is off by
    e already leaves it off by at most e + u (|v| + e), with the unit roundoff u.
    """

    def example(self):
        def whole(limit, *shape):
            return rng.integers(-limit, limit + 1, shape).astype("float32")

        rng = np.random.default_rng(3)
        x, skip = whole(64, 2, 8, 8, 32), whole(64, 2, 16, 16, 16)
        return x, skip, whole(32, 3, 3, 48, 4) / 1024, whole(64, 4) / 16

    def exact(self, x, kernel):
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0))), (3, 3), (1, 2))
        return np.einsum("bhwcij,ijcf->bhwf", windows, kernel, dtype="float64")

    def sum_and_error(self, dtype, *parts):
        """The sum of parts (value, error), rounded once."""
        value, error = (sum(part) for part in zip(*parts, strict=True))
        return value, error + UNIT_ROUNDOFF[dtype] * (np.abs(value) + error)

    def outputs(self, dtype, inputs, weights, **arguments):
        layer = UpsampleConv(4, normalization=None, activation=None, dtype=f"mixed_{dtype}", **arguments)
        layer(inputs)
        layer.set_weights(weights)
        outputs = layer(inputs)
        assert keras.backend.standardize_dtype(outputs.dtype) == dtype
        return ops.convert_to_numpy(ops.cast(outputs, "float32"))

    @pytest.mark.parametrize("joined", [True, False])
    @pytest.mark.parametrize("fused", [True, False])
    def test_maps_are_rounded_and_no_terms(self, dtype, joined, fused):
        x, skip, kernel, bias = self.example()
        parts = [self.exact(x.repeat(2, axis=1).repeat(2, axis=2), kernel[:, :, :32])]
        if joined:
            parts.append(self.exact(skip, kernel[:, :, 32:]))
        else:
            kernel = kernel[:, :, :32]
        if not fused:
            parts = [sum(parts)]
        parts = [self.sum_and_error(dtype, (part, 0)) for part in parts]
        if len(parts) > 1:
            parts = [self.sum_and_error(dtype, *parts)]
        value, bound = self.sum_and_error(dtype, *parts, (bias, 0))
        outputs = self.outputs(dtype, [x, skip] if joined else x, [kernel, bias], fused=fused)
        excess = np.abs(outputs - value) - bound
        assert excess.max() <= 0

    def test_rounding_the_four_products_of_a_pixel_breaks_the_bound(self, dtype):
        """As a transposed convolution does that adds to its output what one input pixel after the other gives."""
        x, _, kernel, bias = self.example()
        kernel = kernel[:, :, :32]
        layer = UpsampleConv(4, normalization=None)
        layer(x)
        layer.set_weights([kernel, bias])
        taps, _ = layer._fused_kernels(32)
        outputs = 0
        for rows, columns in np.ndindex(2, 2):
            quarter = np.zeros(taps.shape, "float32")
            here = np.s_[2 * rows : 2 * rows + 2, 2 * columns : 2 * columns + 2]
            quarter[here] = ops.convert_to_numpy(taps)[here]
            product = ops.conv_transpose(x, quarter, strides=2, padding="same", data_format="channels_last")
            outputs = outputs + ops.cast(product, dtype)
        value, bound = self.sum_and_error(dtype, (self.exact(x.repeat(2, axis=1).repeat(2, axis=2), kernel), 0))
        error = np.abs(ops.convert_to_numpy(ops.cast(outputs, "float32")) - value)
        assert (error > bound).any()


@pytest.mark.parametrize("normalization", ["batch", "group", "layer", None])
@pytest.mark.parametrize("skip_size", [None, (8, 12), (7, 11)])
def test_layer_contract(normalization, skip_size, tmp_path):
    check_layer(UpsampleConv(6, normalization=normalization), maps((4, 6), skip_size), tmp_path)


def test_a_part_frozen_by_hand_leaves_the_rest_trainable():
    layer = UpsampleConv(4)
    layer.normalize.trainable = False
    layer(maps((2, 2)))
    assert len(layer.weights) == 5
    (kernel,) = layer.trainable_weights
    assert kernel is layer.kernel


def test_checkpoint_does_not_know_the_form():
    inputs = maps((4, 6), (8, 12))
    fast, plain = built(inputs), UpsampleConv(4, normalization=None, fused=False)
    plain(inputs)
    plain.set_weights(fast.get_weights())
    assert [w.shape for w in plain.weights] == [(3, 3, 8, 4), (4,)]
    np.testing.assert_allclose(
        ops.convert_to_numpy(plain(inputs)), ops.convert_to_numpy(fast(inputs)), rtol=1e-5, atol=2e-5
    )


def test_batch_normalization_learns_its_statistics():
    layer = UpsampleConv(4, activation=None)
    outputs = ops.convert_to_numpy(layer(maps((4, 6), (8, 12)), training=True))
    np.testing.assert_allclose(outputs.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(outputs.std((0, 1, 2)), 1, atol=1e-2)
    assert np.abs(ops.convert_to_numpy(layer.normalize.moving_mean)).max() > 0


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"filters": 0}, "`filters` must be an integer of at least 1"),
        ({"filters": 4, "kernel_size": 2}, "`kernel_size` must be odd"),
        ({"filters": 4, "interpolation": "neares"}, "Did you mean 'nearest'"),
        ({"filters": 4, "normalization": "bacth"}, "Did you mean 'batch'"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message):
        UpsampleConv(**kwargs)


def test_a_skip_that_does_not_fit():
    with pytest.raises(ValueError, match=r"`inputs` must be \[map, skip\] with the skip twice as large.*PadToStride"):
        UpsampleConv(4)(maps((4, 6), (10, 12)))
