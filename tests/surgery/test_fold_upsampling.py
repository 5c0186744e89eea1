"""An UpsampleConv as layers of Keras computes what it computed."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.layers import UpsampleConv


def noise(*shape):
    return np.random.default_rng(5).uniform(-1, 1, size=shape).astype("float32")


def joined(size=(5, 4), skip=(10, 8), **arguments):
    """A model of one UpsampleConv of a map and a skip, or of a map alone, with weights none of which is 0 or 1."""
    inputs = [keras.Input((*size, 3)), *([keras.Input((*skip, 2))] if skip else [])]
    model = keras.Model(inputs, UpsampleConv(6, name="up", **arguments)(inputs if skip else inputs[0]))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.2, 1.0, weight.shape) for weight in model.get_weights()])
    return model


def check(model, names, subpixel=False):
    folded = ks.surgery.fold_upsampling(model, subpixel=subpixel)
    given = [noise(2, *tensor.shape[1:]) for tensor in model.inputs]
    np.testing.assert_allclose(folded.predict(given, verbose=0), model.predict(given, verbose=0), rtol=1e-4, atol=1e-5)
    assert [layer.name for layer in folded.layers if not isinstance(layer, keras.layers.InputLayer)] == names


@pytest.mark.parametrize("normalization", ["batch", "group", None])
def test_with_a_skip(normalization):
    norm = ["up_norm"] if normalization else []
    check(joined(normalization=normalization), ["up_enlarge", "up_skip", "up_sum", *norm, "up"])


def test_without_a_skip():
    check(joined(skip=None, activation="swish"), ["up_enlarge", "up_norm", "up"])


@pytest.mark.tensorflow_only
def test_an_activation_with_weights():
    slopes = keras.layers.PReLU(shared_axes=[1, 2])
    slopes.build((None, None, None, 6))
    check(joined(skip=None, normalization=None, activation=slopes), ["up_enlarge", "up"])


@pytest.mark.parametrize("skip", [(10, 8), None], ids=["skip", "alone"])
def test_subpixel(skip):
    """With a bias, which is the skip's, or that of each of the four pixels."""
    steps = ["up_around", "up_enlarge", "up_shuffle"]
    steps += ["up_crop", "up_skip", "up_sum"] if skip else ["up_crop"]
    check(joined(skip=skip, normalization=None), [*steps, "up"], subpixel=True)


def test_half_precision_is_subpixel():
    """As in the layer: backends round a transposed convolution in half precision more than once."""
    names = ["up_around", "up_enlarge", "up_shuffle", "up_crop", "up_skip", "up_sum", "up"]
    model = joined(normalization=None, dtype="mixed_bfloat16")
    folded = ks.surgery.fold_upsampling(model)
    assert [layer.name for layer in folded.layers if not isinstance(layer, keras.layers.InputLayer)] == names
    given = [noise(2, *tensor.shape[1:]) for tensor in model.inputs]
    found, expected = (keras.ops.convert_to_numpy(keras.ops.cast(m(given), "float32")) for m in (folded, model))
    np.testing.assert_allclose(found, expected, rtol=0, atol=2**-7 * np.abs(expected).max())


@pytest.mark.tensorflow_only
def test_subpixel_where_the_kernel_outweighs_the_map():
    """16 * 64 * 16 numbers of the kernel against 128 of each pixel: more than eight times as many up to 16 pixels."""
    for side, shuffled in ((3, True), (4, False), (None, False)):
        model = keras.Sequential([keras.Input((side, side, 64)), UpsampleConv(16, name="up")])
        folded = ks.surgery.fold_upsampling(model, subpixel="deep")
        assert ("up_shuffle" in [layer.name for layer in folded.layers]) == shuffled


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("normalization", ["batch", None])
def test_one_layer_that_takes_both_forms(normalization):
    """The kernel's 16 * 64 * 64 = 65,536 numbers are more than 8 * 320 for each of 4x4 pixels, not of 8x8."""
    image = keras.Input((4, 4, 64))
    up = UpsampleConv(64, normalization=normalization, name="up")
    model = keras.Model(image, up(up(image)))
    rng = np.random.default_rng(1)
    model.set_weights([rng.uniform(0.2, 1.0, weight.shape) / 64 for weight in model.get_weights()])
    folded = ks.surgery.fold_upsampling(model, subpixel="deep")
    names = [layer.name for layer in folded.layers]
    assert names.count("up_shuffle") == 1 and {"up_enlarge", "up_enlarge_1"} <= set(names)
    assert folded.output_shape == (None, 16, 16, 64)
    expected = model.predict(noise(2, 4, 4, 64), verbose=0)
    found = folded.predict(noise(2, 4, 4, 64), verbose=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "model", [{"interpolation": "bilinear"}, {"kernel_size": 5}, {"skip": (9, 8)}], ids=["bilinear", "5x5", "odd"]
)
def test_the_plain_form_stays(model):
    check(joined(**model), ["up"])


class Negated(UpsampleConv):
    def call(self, inputs, training=None):
        return -super().call(inputs, training=training)


class NegatedFusion(ks.layers.LinearFusion):
    def call(self, inputs):
        return -super().call(inputs)


@pytest.mark.tensorflow_only
def test_subclasses_stay():
    coarse, fine = keras.Input((5, 4, 3)), keras.Input((10, 8, 2))
    outputs = [Negated(6, name="up")([coarse, fine]), NegatedFusion(6, name="fusion")([coarse, fine])]
    model = keras.Model([coarse, fine], outputs)
    folded = ks.surgery.fold_upsampling(model)
    assert sorted(type(layer).__name__ for layer in folded.layers[2:]) == ["Negated", "NegatedFusion"]
    given = [noise(2, 5, 4, 3), noise(2, 10, 8, 2)]
    for found, expected in zip(folded.predict(given, verbose=0), model.predict(given, verbose=0), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.tensorflow_only
def test_a_model_at_a_fixed_size():
    model = ks.models.UNet(num_classes=3, filters=4, depth=2, activation=None)
    folded = ks.surgery.fold_upsampling(ks.surgery.fold_batch_norm(model), input_size=(22, 27))
    assert folded.input_shape == (None, 22, 27, 3)
    assert not any(isinstance(layer, UpsampleConv) for layer in folded.layers)
    image = 255 * noise(1, 22, 27, 3)
    expected = model.predict(image, verbose=0)
    np.testing.assert_allclose(folded.predict(image, verbose=0), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.tensorflow_only
def test_bad_input():
    with pytest.raises(InputError, match="`input_size` is for models with one image as input"):
        ks.surgery.fold_upsampling(joined(), input_size=(8, 8))
    with pytest.raises(InputError, match="`input_size` must be an integer of at least 1"):
        ks.surgery.fold_upsampling(joined(skip=None), input_size=(0, 8))
    with pytest.raises(InputError, match="`subpixel` is not a known option"):
        ks.surgery.fold_upsampling(joined(), subpixel="depth")
