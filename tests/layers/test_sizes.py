"""Resize2D, PadToStride and CropLike: values by hand, against NumPy and torch, and as inverses of one another."""

import keras
import numpy as np
import pytest
from gradients import gradient, numeric_gradient
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from layer_harness import check_layer

import keras_seg as ks
from keras_seg import _validation
from keras_seg.layers import CropLike, PadToStride, Resize2D

SQUARE = np.array([[1.0, 2.0], [3.0, 4.0]], "float32").reshape(1, 2, 2, 1)


def run(layer, inputs):
    return np.asarray(ops.convert_to_numpy(layer(inputs)))


def test_bilinear_golden():
    """Half-pixel centers: output column 1 lies at 0.25 between centers 0 and 1, so 0.75 * 1 + 0.25 * 2 = 1.25."""
    result = run(Resize2D(2), SQUARE)[0, :, :, 0]
    np.testing.assert_allclose(result[0], [1, 1.25, 1.75, 2], rtol=1e-6)
    np.testing.assert_allclose(result[1], [1.5, 1.75, 2.25, 2.5], rtol=1e-6)


def test_nearest_golden():
    expected = [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    np.testing.assert_array_equal(run(Resize2D(2, interpolation="nearest"), SQUARE)[0, :, :, 0], expected)


def test_bicubic_golden():
    """With a = -0.75 the weights at distances 0.75, 0.25, 1.25, 1.75 are .2617 .8789 -.1055 -.0352.

    Column 0 lies at -0.25: 1 but for the weight of column 1, distant 1.25, so 1 - .1055 along the rows. Along the
    columns rows are 2 apart: the corner is 1 - 3 * .1055 = .6836. The pixels before it repeat, and weights sum to 1.
    """
    result = run(Resize2D(2, interpolation="bicubic"), SQUARE)[0, :, :, 0]
    np.testing.assert_allclose(result[0], [0.68359375, 1.015625, 1.5625, 1.89453125], rtol=1e-6)
    np.testing.assert_allclose(result + result[::-1, ::-1], 5, rtol=1e-6)


@pytest.mark.parametrize("factor", [2, 3, (4, 2), (1, 5)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("size", [(5, 7), (1, 2)])
def test_resize_equals_torch(size, factor, interpolation):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    pair = factor if isinstance(factor, tuple) else (factor, factor)
    kwargs = {} if interpolation == "nearest" else {"align_corners": False}
    expected = torch.nn.functional.interpolate(
        torch.tensor(x).double().permute(0, 3, 1, 2), scale_factor=pair, mode=interpolation, **kwargs
    )
    np.testing.assert_allclose(
        run(Resize2D(factor, interpolation=interpolation), x),
        expected.permute(0, 2, 3, 1).numpy(),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", "bicubic"])
def test_resize_contract(interpolation, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, 5, 7, 3)).astype("float32")
    check_layer(Resize2D((2, 3), interpolation=interpolation), x, tmp_path)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_bicubic_rounds_once(dtype):
    """Half-precision maps are enlarged in float32: the result is the float32 one, rounded."""
    x = ops.cast(np.random.default_rng(0).normal(size=(2, 5, 7, 3)), dtype)
    half = Resize2D(2, interpolation="bicubic", dtype=dtype)(x)
    exact = ops.cast(Resize2D(2, interpolation="bicubic")(ops.cast(x, "float32")), dtype)
    np.testing.assert_array_equal(*(ops.convert_to_numpy(ops.cast(t, "float32")) for t in (half, exact)))


def test_bicubic_gradient():
    """Linear in its input, so that differences with any step are exact."""
    x = np.random.default_rng(0).normal(size=(1, 3, 2, 1))
    weights = np.random.default_rng(1).normal(size=(1, 6, 6, 1)).astype("float32")
    layer = Resize2D((2, 3), interpolation="bicubic")
    ours = gradient(lambda v: ops.sum(ops.multiply(layer(v), weights)), x)
    theirs = numeric_gradient(lambda v: float((run(layer, v.astype("float32")) * weights).sum()), x, step=1.0)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.tensorflow_only
def test_bicubic_becomes_built_in_operators(tmp_path):
    if keras.backend.backend() != "tensorflow":
        pytest.skip("exports are made on the TensorFlow backend")
    inputs = keras.Input((None, None, 3))
    report = ks.export.tflite(
        keras.Model(inputs, Resize2D(2, interpolation="bicubic")(inputs)), tmp_path / "m.tflite", input_size=9
    )
    assert report.max_abs_difference < 1e-3


def test_resize_leaves_batch_normalization_alone_in_predict():
    """keras.layers.Resizing makes the layers after it update their statistics in predict(); this one must not."""
    inputs = keras.Input((8, 8, 2))
    model = keras.Model(inputs, keras.layers.BatchNormalization()(Resize2D(2)(inputs)))
    before = [w.copy() for w in model.get_weights()]
    model.predict(np.random.default_rng(0).normal(3, 2, size=(4, 8, 8, 2)), verbose=0)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@settings(deadline=None, max_examples=30)
@given(height=st.integers(1, 40), width=st.integers(1, 40), stride=st.integers(1, 16))
@pytest.mark.slow_off_tensorflow
def test_padding_is_numpy_reflection_and_cropping_undoes_it(height, width, stride):
    x = np.random.default_rng(height * 41 + width).normal(size=(1, height, width, 2)).astype("float32")
    padded = run(PadToStride(stride), x)
    bottom, right = -height % stride, -width % stride
    expected = np.pad(x, ((0, 0), (0, bottom), (0, right), (0, 0)), mode="reflect")
    np.testing.assert_array_equal(padded, expected)
    np.testing.assert_array_equal(run(CropLike(), [padded, x]), x)


def test_padding_keeps_integers():
    x = np.arange(6, dtype="int32").reshape(1, 2, 3, 1)
    assert run(PadToStride(4), x)[0, :, :, 0].tolist() == [[0, 1, 2, 1], [3, 4, 5, 4], [0, 1, 2, 1], [3, 4, 5, 4]]


@pytest.mark.parametrize("size", [(5, 7), (8, 8), (1, 1)])
def test_padding_contract(size, tmp_path):
    x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype("float32")
    check_layer(PadToStride((4, 8)), x, tmp_path)


def test_cropping_contract(tmp_path):
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=(2, 9, 8, 3)).astype("float32"), rng.normal(size=(2, 5, 6, 1)).astype("float32")]
    result = check_layer(CropLike((2, 1)), inputs, tmp_path)
    np.testing.assert_array_equal(result, inputs[0][:, 2:7, 1:7])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Resize2D(0), "`factor` must be an integer of at least 1"),
        (lambda: Resize2D((2, 2, 2)), r"`factor` must be one integer or a pair"),
        (lambda: Resize2D(2, interpolation="bilinaer"), "Did you mean 'bilinear'"),
        (lambda: Resize2D(2, data_format="channels_first"), '`data_format` must be "channels_last".*Permute'),
        (lambda: PadToStride(0), "`stride` must be an integer of at least 1"),
        (lambda: CropLike(-1), "`offset` must be an integer of at least 0"),
        (lambda: CropLike()(SQUARE), r"`inputs` must be the list \[map, like\]"),
        (lambda: CropLike(1)([SQUARE, SQUARE]), "`inputs` must hold a map of at least 3 pixels"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises(_validation.InputError, match=message):
        make()
