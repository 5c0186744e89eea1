"""BedOfNails2D and PixelShuffle2D: by hand, against NumPy and torch, and against the layers they are parts of."""

import keras
import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from keras import ops
from layer_harness import check_layer

import keras_seg as ks
from keras_seg import _validation
from keras_seg.layers import BedOfNails2D, MaxUnpooling2D, PixelShuffle2D, Resize2D, shuffle_order_from_torch

SQUARE = np.array([[1.0, 2.0], [3.0, 4.0]], "float32").reshape(1, 2, 2, 1)


def run(layer, inputs):
    return np.asarray(ops.convert_to_numpy(layer(inputs)))


def maps(channels=8, size=(3, 5)):
    return np.random.default_rng(0).normal(size=(2, *size, channels)).astype("float32")


def test_bed_of_nails_golden():
    result = run(BedOfNails2D(), SQUARE)[0, :, :, 0]
    assert result.tolist() == [[1, 0, 2, 0], [0, 0, 0, 0], [3, 0, 4, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("size", [2, (3, 1), (1, 4), 1])
def test_bed_of_nails_is_numpy_assignment(size):
    x = maps()
    rows, columns = (size, size) if isinstance(size, int) else size
    expected = np.zeros((2, 3 * rows, 5 * columns, 8), "float32")
    expected[:, ::rows, ::columns] = x
    np.testing.assert_array_equal(run(BedOfNails2D(size), x), expected)
    unpooled = run(MaxUnpooling2D(size), [x, np.zeros(x.shape, "int32")])
    np.testing.assert_array_equal(unpooled, expected)


def test_transposed_convolution_is_nails_and_a_convolution():
    """Ones, kernel 3, stride 2: 11322/11322/4 4 10 6 6/33744/33744, and the same by a full convolution of the nails."""
    golden = [[1, 1, 3, 2, 2], [1, 1, 3, 2, 2], [4, 4, 10, 6, 6], [3, 3, 7, 4, 4], [3, 3, 7, 4, 4]]
    transposed = keras.layers.Conv2DTranspose(
        1, 3, strides=2, kernel_initializer="ones", data_format="channels_last"
    )  # "valid"
    np.testing.assert_allclose(run(transposed, SQUARE)[0, :, :, 0], golden, rtol=1e-6)
    # The last row and column of zeros belong to the block of the last nail; a full convolution pads 2 on each side.
    nails = run(BedOfNails2D(), SQUARE)[:, :3, :3]
    full = ops.conv(np.pad(nails, ((0, 0), (2, 2), (2, 2), (0, 0))), np.ones((3, 3, 1, 1), "float32"), padding="valid")
    np.testing.assert_allclose(ops.convert_to_numpy(full)[0, :, :, 0], golden, rtol=1e-6)


def test_pixel_shuffle_golden():
    """Two channels out: pixel (i, j), channel c is input channel (2 i + j) * 2 + c."""
    result = run(PixelShuffle2D(), np.arange(8, dtype="float32").reshape(1, 1, 1, 8))
    assert result[0, :, :, 0].tolist() == [[0, 2], [4, 6]]
    assert result[0, :, :, 1].tolist() == [[1, 3], [5, 7]]


@pytest.mark.parametrize("size, channels", [(2, 4), (2, 12), (3, 18), (1, 5)])
def test_pixel_shuffle_is_torch_with_its_channels_reordered(size, channels):
    torch = pytest.importorskip("torch")
    x = maps(channels)
    expected = torch.nn.PixelShuffle(size)(torch.tensor(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
    np.testing.assert_array_equal(run(PixelShuffle2D(size), shuffle_order_from_torch(x, factor=size)), expected)


def test_weights_of_a_torch_convolution():
    """A kernel and a bias in torch's order, reordered, give torch's map."""
    torch = pytest.importorskip("torch")
    x, rng = maps(3), np.random.default_rng(1)
    kernel, bias = rng.normal(size=(3, 3, 3, 8)).astype("float32"), rng.normal(size=8).astype("float32")
    theirs = torch.nn.functional.conv2d(
        torch.tensor(x).permute(0, 3, 1, 2), torch.tensor(kernel).permute(3, 2, 0, 1), torch.tensor(bias), padding=1
    )
    expected = torch.nn.functional.pixel_shuffle(theirs, 2).permute(0, 2, 3, 1).numpy()
    convolution = keras.layers.Conv2D(8, 3, padding="same", data_format="channels_last")
    convolution.build(x.shape)
    convolution.set_weights([shuffle_order_from_torch(kernel), shuffle_order_from_torch(bias)])
    np.testing.assert_allclose(run(PixelShuffle2D(), convolution(x)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [BedOfNails2D((2, 3)), PixelShuffle2D()], ids=lambda layer: layer.name)
def test_contracts(layer, tmp_path):
    check_layer(type(layer).from_config(layer.get_config()), maps(), tmp_path)


@pytest.mark.parametrize("make", [lambda dtype: BedOfNails2D((2, 3), dtype=dtype), lambda d: PixelShuffle2D(dtype=d)])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_exact(make, dtype):
    x = ops.cast(maps(), dtype)
    outputs = make(dtype)(x)
    assert keras.backend.standardize_dtype(outputs.dtype) == dtype
    expected = run(make("float32"), ops.cast(x, "float32"))
    np.testing.assert_array_equal(ops.convert_to_numpy(ops.cast(outputs, "float32")), expected)


@pytest.mark.parametrize("make", [lambda: BedOfNails2D((2, 3)), lambda: PixelShuffle2D()])
def test_gradients(make):
    layer, x = make(), maps(4, (2, 3))
    weights = np.random.default_rng(1).normal(size=layer.compute_output_shape(x.shape)).astype("float32")
    ours = gradient(lambda v: ops.sum(ops.multiply(layer(v), weights)), x)
    theirs = numeric_gradient(lambda v: float((run(layer, v.astype("float32")) * weights).sum()), x, step=1.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("make", [lambda: BedOfNails2D((2, 3)), lambda: PixelShuffle2D()])
def test_special_values_pass(make):
    x = np.full((1, 2, 2, 4), np.nan, "float32")
    x[0, 0] = np.inf
    result = run(make(), x)
    assert np.isnan(result).sum() == 8
    assert np.isposinf(result).sum() == 8


@pytest.mark.tensorflow_only
@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
def test_tflite(tmp_path):
    inputs = keras.Input((None, None, 4))
    outputs = BedOfNails2D((2, 3))(PixelShuffle2D()(inputs))
    report = ks.export.tflite(keras.Model(inputs, outputs), tmp_path / "m.tflite", input_size=(9, 7))
    assert report.max_abs_difference == 0
    assert "DEPTH_TO_SPACE" in report.ops


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: BedOfNails2D(0), "`factor` must be an integer of at least 1"),
        (lambda: PixelShuffle2D((2, 2)), "`factor` must be an integer of at least 1"),
        (lambda: BedOfNails2D(data_format="channels_first"), '`data_format` must be "channels_last".*Permute'),
        (lambda: PixelShuffle2D(data_format="channels_first"), '`data_format` must be "channels_last".*Permute'),
        (lambda: PixelShuffle2D(data_format="first"), "`data_format` is not a known option"),
        (lambda: PixelShuffle2D(3)(maps()), r"`inputs` must have channels that are a multiple of factor \* factor = 9"),
        (lambda: shuffle_order_from_torch(np.zeros(6)), "`weights` must have a last axis that is a multiple of 4"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(_validation.InputError, match=message):
        make()


def test_shuffling_what_icnr_convolved_is_nearest_resizing():
    x, initializer = maps(3), ks.initializers.ICNR(2, initializer=keras.initializers.HeNormal(seed=0))
    many = keras.layers.Conv2D(16, 3, padding="same", kernel_initializer=initializer, data_format="channels_last")
    few = keras.layers.Conv2D(
        4, 3, padding="same", kernel_initializer=keras.initializers.HeNormal(seed=0), data_format="channels_last"
    )
    shuffled, resized = run(PixelShuffle2D(), many(x)), run(Resize2D(2, interpolation="nearest"), few(x))
    np.testing.assert_allclose(shuffled, resized, rtol=1e-4, atol=1e-5)
    assert np.abs(resized).max() > 0.1
