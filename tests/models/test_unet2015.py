"""U-Net as published: parameters, figure 1's sizes, legal sizes, a slow NumPy version, training, export."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def small(**kwargs):
    return ks.models.UNet2015(**{"num_classes": 2, "filters": 3, "depth": 2, **kwargs})


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("channels, classes, parameters", [(1, 2, 31_030_658), (3, 21, 31_033_045)])
def test_parameters_of_the_published_model(channels, classes, parameters):
    model = ks.models.UNet2015(num_classes=classes, input_shape=(None, None, channels))
    assert model.count_params() == parameters
    convolutions = [layer for layer in model.layers if "Conv2D" in type(layer).__name__]
    assert len(convolutions) == 23


@pytest.mark.slow_off_tensorflow
def test_sizes_of_figure_1():
    model = ks.models.UNet2015(num_classes=2, filters=1, input_shape=(572, 572, 1))
    convolutions = [f"encoder{level}_2_conv" for level in range(1, 6)]
    assert [model.get_layer(name).output.shape[1] for name in convolutions] == [568, 280, 136, 64, 28]
    doubled = [model.get_layer(f"decoder{stage}_up").output.shape[1] for stage in range(1, 5)]
    assert doubled == [56, 104, 200, 392]
    assert [model.get_layer(f"decoder{stage}_crop").output.shape[1] for stage in range(1, 5)] == doubled
    assert model.output_shape == (None, 388, 388, 2)


def test_skips_are_cropped_to_the_middle():
    """As much is taken off at the top as at the bottom, whatever the depth and the size."""
    for depth in (1, 2, 3, 4):
        model = small(filters=1, depth=depth, input_shape=(572, 572, 1) if depth == 4 else (316, 316, 1))
        for stage in range(1, depth + 1):
            skip, doubled = model.get_layer(f"decoder{stage}_crop").input
            assert skip.shape[1] - doubled.shape[1] == 2 * model.get_layer(f"decoder{stage}_crop").offset[0]


def fits(side):
    """Whether figure 1 can be walked with this side, by trying."""
    sizes = []
    for _ in range(4):
        side -= 4
        sizes.append(side)
        if side < 2 or side % 2:
            return False
        side //= 2
    side -= 4
    if side < 1:
        return False
    for _ in range(4):
        side = 2 * side - 4
        if side < 1:
            return False
    return True


def test_legal_sizes():
    """12 modulo 16 and at least 188: what the walk says and what the model takes are one."""
    legal = [side for side in range(1, 700) if fits(side)]
    assert legal == list(range(188, 700, 16))
    for side in (172, 187, 188, 189, 196, 203, 204, 572, 573):
        if side in legal:
            assert small(depth=4, filters=1, input_shape=(side, 188, 3)).output_shape[1] == side - 184
        else:
            with pytest.raises(_validation.InputError, match="must have sides of 12 modulo 16, at least 188"):
                small(depth=4, filters=1, input_shape=(side, 188, 3))


@pytest.mark.parametrize(
    "side, nearest", [(187, "188"), (20, "188"), (189, "188 and 204"), (512, "508 and 524"), (571, "556 and 572")]
)
def test_the_error_names_the_nearest_sizes(side, nearest):
    with pytest.raises(_validation.InputError, match=rf"Nearest to {side}: {nearest}\.$") as caught:
        small(depth=4, input_shape=(side, side, 3))
    assert "\n" not in str(caught.value)


@pytest.mark.slow_off_tensorflow
def test_a_wrong_size_is_refused_at_the_call_too():
    with pytest.raises(ValueError, match="Nearest to 45: 44 and 48"):
        small()(noise(1, 45, 44, 3))


def test_against_numpy():
    """The net of depth 1 in loops over pixels: convolutions, pooling, 2x2 deconvolution, skip cropped by 4."""
    model = small(depth=1, activation=None, include_preprocessing=False)
    rng = np.random.default_rng(3)
    model.set_weights([rng.normal(0, 0.3, size=w.shape) for w in model.get_weights()])
    weights = {layer.name: layer.get_weights() for layer in model.layers}

    def convolve(x, name, relu=True):
        kernel, bias = weights[name]
        size = kernel.shape[0]
        out = np.empty((x.shape[0] - size + 1, x.shape[1] - size + 1, kernel.shape[3]))
        for row in range(out.shape[0]):
            for column in range(out.shape[1]):
                patch = x[row : row + size, column : column + size]
                out[row, column] = np.tensordot(patch, kernel, 3) + bias
        return np.maximum(out, 0) if relu else out

    image = rng.normal(size=(1, 18, 22, 3)).astype("float32")
    skip = convolve(convolve(image[0], "encoder1_1_conv"), "encoder1_2_conv")
    rows, columns, channels = skip.shape
    pooled = skip.reshape(rows // 2, 2, columns // 2, 2, channels).max(axis=(1, 3))
    deep = convolve(convolve(pooled, "encoder2_1_conv"), "encoder2_2_conv")
    kernel, bias = weights["decoder1_up"]  # (2, 2, out, in)
    doubled = np.einsum("hwi,aboi->hawbo", deep, kernel)
    doubled = np.maximum(doubled.reshape(2 * deep.shape[0], 2 * deep.shape[1], -1) + bias, 0)
    x = np.concatenate([skip[4:-4, 4:-4], doubled], axis=-1)
    x = convolve(convolve(x, "decoder1_1_conv"), "decoder1_2_conv")
    expected = convolve(x, "logits", relu=False)
    np.testing.assert_allclose(model.predict(image, verbose=0)[0], expected, rtol=1e-4, atol=1e-4)


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
@pytest.mark.usefixtures("policy")
def test_a_training_step():
    model = small(dropout=0.2)
    model.compile("adam", loss=ks.losses.Crossentropy())
    before = model.get_layer("encoder1_1_conv").get_weights()[0].copy()
    assert np.isfinite(model.train_on_batch(noise(2, 60, 60, 3), np.ones((2, 20, 20), "int32")))
    assert not np.array_equal(before, model.get_layer("encoder1_1_conv").get_weights()[0])


def test_saves_and_reloads(tmp_path):
    model = small()
    model.save(tmp_path / "model.keras")
    image = noise(1, 60, 76, 3)
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(reloaded.predict(image, verbose=0), model.predict(image, verbose=0), rtol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="exports are made on the TensorFlow backend")
@pytest.mark.tensorflow_only
def test_exports(tmp_path):
    assert ks.export.tflite(small(), tmp_path / "m.tflite", input_size=60).max_abs_difference < 1e-4


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"backbone": "Compact"}, "`backbone` is not an argument of UNet2015"),
        ({"decoder_stride": 2}, "`decoder_stride` is not an argument of UNet2015"),
        ({"decoder_filters": (8, 8)}, "`decoder_filters` is not an argument of UNet2015"),
        ({"padding": "full"}, "`padding` is not an argument of UNet2015"),
        ({"interpolation": "nearest"}, "`interpolation` is not an argument of UNet2015"),
        ({"depth": 0}, "`depth` must be an integer of at least 1"),
        ({"filters": (4,), "depth": None}, "`filters` must have at least two levels"),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message):
        ks.models.build("UNet2015", **{"num_classes": 2, "filters": 3, "depth": 2, **kwargs})


@pytest.mark.tensorflow_only
def test_a_file_for_any_size_is_compared_at_sizes_that_fit(tmp_path):
    report = ks.export.tflite(small(), tmp_path / "model.tflite", input_size=(None, None))
    assert report.agreement == 1 and report.max_abs_difference < 1e-5
