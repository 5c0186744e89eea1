"""One pass over the image against the literal sliding window, for every head that is promised."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers
from own_layers import own
from random_weights import randomized

import keras_seg as ks
from keras_seg import _validation


def noise(*shape, low=0.0, high=1.0):
    return np.random.default_rng(3).uniform(low, high, size=shape).astype("float32")


def trunk(size=(14, 12), padding="valid"):
    image = keras.Input((*size, 2), name="picture")
    x = layers.Conv2D(4, 3, padding=padding, activation="tanh", name="conv1")(image)
    x = layers.BatchNormalization(name="norm1")(x)
    x = layers.MaxPooling2D(2, name="pool1")(x)
    x = layers.Conv2D(3, 3, padding=padding, activation="relu", name="conv2")(x)
    return image, x


def plain(x):
    x = layers.Flatten()(x)
    x = layers.Dense(7, activation="relu")(x)
    return layers.Dense(3, activation="softmax")(x)


def everything_between(x):
    x = layers.Flatten()(x)
    x = layers.Dropout(0.5)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Dense(7, use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.Activation("relu")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(5)(x)
    x = layers.LeakyReLU()(x)
    x = layers.LayerNormalization()(x)
    return layers.Softmax()(layers.Dense(3)(x))


def two_normalizations(x):
    x = layers.ReLU()(layers.Flatten()(x))
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.BatchNormalization(center=False)(x)
    return layers.Dense(3, use_bias=False)(x)


def average(x):
    return layers.Dense(3)(layers.GlobalAveragePooling2D()(x))


def maximum(x):
    x = layers.GlobalMaxPooling2D(keepdims=True)(x)
    x = layers.Conv2D(3, 1, activation="relu")(x)
    return layers.Activation("softmax")(layers.Reshape((3,))(x))


def both_poolings(x):
    joined = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    return layers.Dense(3)(joined)


def residual_head(x):
    x = layers.Dense(6)(layers.Flatten()(x))
    return layers.Dense(3)(layers.Add()([x, layers.Dense(6, activation="tanh")(x)]))


def reshaped(x):
    return layers.Dense(3)(layers.Reshape((np.prod(x.shape[1:]).item(),))(x))


def one_pooling_of_two_maps(x):
    pool = layers.GlobalAveragePooling2D()
    return layers.Dense(3)(layers.Concatenate()([pool(x), pool(layers.Conv2D(2, 2)(x))]))


def one_dense_of_two_vectors(x):
    dense, flat = layers.Dense(3), layers.Flatten()(x)
    return layers.Add()([dense(flat), dense(layers.BatchNormalization()(flat))])


HEADS = [
    plain, everything_between, two_normalizations, average, maximum, both_poolings, residual_head, reshaped,
    one_pooling_of_two_maps, one_dense_of_two_vectors,
]  # fmt: skip


def check(model, image, grid, tolerance=1e-5):
    """One pass equals sliding, on this grid, and the scores are not all alike."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        anywhere = ks.surgery.convolutionalize(model)
    stride = ks.analysis.receptive_field(model).stride
    expected = ks.inference.sliding_window(model, image, step=stride)
    assert expected.shape[:2] == grid
    passed = anywhere.predict(image[None], verbose=0)[0]
    assert passed.shape == expected.shape
    assert expected.std(axis=(0, 1)).max() > 100 * tolerance * np.abs(expected).max()
    np.testing.assert_allclose(passed, expected, rtol=tolerance, atol=tolerance * np.abs(expected).max())
    return anywhere


def test_lenet():
    """53x60: floor((53 - 32) / 4) + 1 = 6 by floor((60 - 32) / 4) + 1 = 8; 61,706 parameters before and after."""
    model = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
    image = noise(53, 60, 1, high=255)
    anywhere = ks.surgery.convolutionalize(model)
    expected = ks.inference.sliding_window(model, image, step=4)
    passed = anywhere.predict(image[None], verbose=0)[0]
    assert passed.shape == expected.shape == (6, 8, 10)
    assert np.abs(passed - expected).max() < 1e-6
    assert expected.std(axis=(0, 1)).max() > 1e-4
    assert model.count_params() == anywhere.count_params() == 61706
    assert anywhere.get_layer("dense1").kernel.shape == (5, 5, 16, 120)
    assert anywhere.get_layer("logits").kernel.shape == (1, 1, 84, 10)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.__name__)
def test_every_head(head):
    """14x12 -> 12x10 -> 6x5 -> 4x3: windows at stride 2; floor((23 - 14) / 2) + 1 = 5, floor((20 - 12) / 2) + 1 = 5."""
    image, x = trunk()
    model = randomized(keras.Model(image, head(x)))
    check(model, noise(23, 20, 2), (5, 5))


def test_sequential_models_and_nested_ones():
    inner = keras.Sequential([keras.Input((12, 12, 1)), layers.Conv2D(3, 3), layers.AveragePooling2D(2)], name="inner")
    model = keras.Sequential(
        [keras.Input((12, 12, 1)), inner, layers.ReLU(), layers.Flatten(), layers.Dense(4), layers.Softmax()]
    )
    check(randomized(model), noise(17, 16, 1), (3, 3))


def test_branches_in_the_trunk():
    image = keras.Input((10, 10, 1))
    a = layers.Conv2D(3, 5, activation="relu")(image)
    b = layers.Cropping2D(1)(layers.Conv2D(3, 3, activation="relu")(image))
    x = layers.Concatenate()([a, layers.Add()([a, b])])
    model = randomized(keras.Model(image, layers.Dense(2)(layers.Flatten()(x))))
    check(model, noise(13, 12, 1), (4, 3))


def test_pixels_of_the_patch_that_no_window_reads():
    """17 -> 15 -> 7 -> 5: two poolings' remainders. The last windows need whole patches: floor((24 - 17) / 2) + 1."""
    image, x = trunk((17, 15))
    model = randomized(keras.Model(image, plain(x)))
    anywhere = check(model, noise(24, 21, 2), (4, 4))
    assert anywhere.get_layer("unused_margin").cropping == ((0, 1), (0, 1))


def test_same_pooling_that_pads_nothing_counts_as_valid():
    image = keras.Input((12, 12, 1))
    x = layers.MaxPooling2D(2, padding="same")(layers.Conv2D(2, 5)(image))
    model = randomized(keras.Model(image, layers.Dense(2)(layers.Flatten()(x))))
    check(model, noise(17, 14, 1), (3, 2))


@pytest.mark.slow_off_tensorflow
def test_the_difference_of_padding_is_reported():
    """With "same" the grid is the same, and the scores differ; the warning names the layers that pad."""
    image, x = trunk((16, 16), padding="same")
    model = randomized(keras.Model(image, plain(x)))
    with pytest.warns(UserWarning, match=r"layers pad \(conv1, conv2\).*window_difference"):
        anywhere = ks.surgery.convolutionalize(model)
    picture = noise(27, 24, 2)
    difference = ks.inference.window_difference(model, picture)
    assert difference.grid == (6, 5) and difference.step == (2, 2)
    assert 1e-4 < difference.mean_abs_difference <= difference.max_abs_difference
    slid = ks.inference.sliding_window(model, picture, step=2)
    passed = anywhere.predict(picture[None], verbose=0)[0]
    np.testing.assert_allclose(difference.max_abs_difference, np.abs(passed - slid).max(), rtol=1e-3)
    assert difference.agreement == (passed.argmax(-1) == slid.argmax(-1)).mean()
    # On the patch itself there is nothing to differ about.
    native = anywhere.predict(picture[None, :16, :16], verbose=0)[0]
    np.testing.assert_allclose(native, slid[:1, :1], rtol=1e-5, atol=1e-6)


def test_same_padding_differs_at_the_borders_of_windows_only():
    """With average pooling over 8x8 units after one padded 3x3, a window's interior is what the image gives it."""
    image = keras.Input((8, 8, 1))
    features = layers.Conv2D(2, 3, padding="same", activation="relu")(image)
    model = randomized(keras.Model(image, layers.Dense(2)(layers.Flatten()(features))))
    inside = np.zeros((8, 8, 2), bool)
    inside[1:-1, 1:-1] = True
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel * inside.reshape(-1, 1), bias])
    with pytest.warns(UserWarning):
        anywhere = ks.surgery.convolutionalize(model)
    picture = noise(12, 11, 1)
    slid = ks.inference.sliding_window(model, picture, step=1)
    # Away from the image's own border, which is a border for the pass too.
    np.testing.assert_allclose(anywhere.predict(picture[None], verbose=0)[0], slid, rtol=1e-5, atol=1e-6)


def test_weights_are_copies():
    image, x = trunk()
    model = randomized(keras.Model(image, plain(x)))
    before = model.get_weights()
    anywhere = ks.surgery.convolutionalize(model)
    anywhere.set_weights([np.zeros_like(w) for w in anywhere.get_weights()])
    assert all(np.array_equal(old, new) for old, new in zip(before, model.get_weights(), strict=True))
    assert anywhere.get_layer("conv1").kernel.shape == model.get_layer("conv1").kernel.shape
    assert anywhere.input_shape == (None, None, None, 2)


def test_a_frozen_layer_stays_frozen():
    image, x = trunk()
    model = keras.Model(image, plain(x))
    model.get_layer("conv1").trainable = False
    anywhere = ks.surgery.convolutionalize(model)
    assert not anywhere.get_layer("conv1").trainable and anywhere.get_layer("conv2").trainable


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_it_saves_and_trains(tmp_path):
    image, x = trunk()
    anywhere = ks.surgery.convolutionalize(randomized(keras.Model(image, everything_between(x))))
    anywhere.save(tmp_path / "anywhere.keras")
    picture = noise(1, 23, 20, 2)
    loaded = keras.saving.load_model(tmp_path / "anywhere.keras")
    np.testing.assert_allclose(
        loaded.predict(picture, verbose=0), anywhere.predict(picture, verbose=0), rtol=1e-5, atol=1e-6
    )
    anywhere.compile("sgd", loss=ks.losses.Crossentropy())
    assert np.isfinite(anywhere.train_on_batch(picture, np.zeros((1, 5, 5), int)))


def test_dilation_gives_every_pixel_in_one_pass():
    """Stride 1 three ways: the window at every pixel, shift-and-stitch, and dilation."""
    image, x = trunk((17, 15))
    x = layers.AveragePooling2D(2)(x)
    model = randomized(keras.Model(image, plain(x)))
    picture = noise(26, 20, 2)
    slid = ks.inference.sliding_window(model, picture, step=1)
    assert slid.shape == (10, 6, 3)
    stitched = ks.inference.shift_and_stitch(model, picture)
    np.testing.assert_allclose(stitched, slid, rtol=1e-5, atol=1e-6)
    dilated = ks.surgery.dilate(ks.surgery.convolutionalize(model), output_stride=1)
    passed = dilated.predict(picture[None], verbose=0)[0]
    np.testing.assert_allclose(passed, slid, rtol=1e-5, atol=1e-6)


def head(*steps, size=(8, 8)):
    image = keras.Input((*size, 2))
    x = layers.Conv2D(2, 3)(image)
    for step in steps:
        x = step(x)
    return keras.Model(image, x)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: head(layers.Flatten(), own(layers.Dense)(2)), r"between Flatten and Dense.*\(Own\)"),
        (lambda: head(layers.GlobalAveragePooling2D(), own(layers.Dense)(2)), r"not allowed in a head.*\(Own\)"),
        (lambda: head(own(layers.Flatten)(), layers.Dense(2)), r"every window.*\(Own\)"),
        (lambda: head(own(layers.GlobalMaxPooling2D)(), layers.Dense(2)), r"every window.*\(Own\)"),
        (
            lambda: head(own(layers.GlobalMaxPooling2D)(keepdims=True), layers.Flatten(), layers.Dense(2)),
            r"every window.*\(Own\)",
        ),
        (
            lambda: head(layers.Flatten(), own(layers.BatchNormalization)(), layers.Dense(2)),
            r"between Flatten and Dense.*\(Own\)",
        ),
        (lambda: head(layers.GlobalAveragePooling2D(), layers.Dense(2), size=(None, None)), "fixed input size.*64, 64"),
        (lambda: head(), "must end in a classifier's head"),
        (lambda: head(layers.Flatten()), "must end in a classifier's head"),
        (lambda: head(layers.Flatten(), layers.Softmax(), layers.Dense(2)), r"between Flatten and Dense.*\(Softmax\)"),
        (
            lambda: head(layers.Flatten(), layers.BatchNormalization(), layers.ReLU(), layers.Dense(2)),
            r"put both before Flatten.*\(ReLU\)",
        ),
        (lambda: head(layers.Flatten(), layers.RepeatVector(2), layers.Flatten(), layers.Dense(2)), "RepeatVector"),
        (lambda: head(layers.GlobalAveragePooling2D(), layers.UnitNormalization()), r"not allowed in a head.*Unit"),
        (lambda: head(layers.Reshape((6, 12)), layers.GlobalAveragePooling1D()), r"every window.*\(Reshape\)"),
        (lambda: head(layers.Permute((3, 1, 2)), layers.Flatten(), layers.Dense(2)), r"every window.*\(Permute\)"),
        (lambda: layers.Dense(2), "must be a functional keras.Model"),
    ],
)
def test_unfit_models(make, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        ks.surgery.convolutionalize(make())
    assert "\n" not in str(caught.value)


def test_a_gate_in_the_trunk_is_refused():
    image, x = trunk()
    gate = layers.Dense(3, activation="sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    model = keras.Model(image, plain(layers.Multiply(name="gated")([x, gate])))
    with pytest.raises(_validation.InputError, match="value of the whole patch.*gated"):
        ks.surgery.convolutionalize(model)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("shape, message", [((1, 31, 40, 1), "at least .32, 32., the patch"), ((1, 40, 40, 3), "1.*3")])
def test_images_that_do_not_fit(shape, message):
    anywhere = ks.surgery.convolutionalize(ks.models.PatchClassifier(num_classes=2, input_shape=(32, 32, 1)))
    with pytest.raises(ValueError, match=message) as caught:
        anywhere(np.zeros(shape, "float32"))
    assert "\n" not in str(caught.value)
