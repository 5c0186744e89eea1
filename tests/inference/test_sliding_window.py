"""The literal sliding window against nested loops, and shift-and-stitch against the window."""

import warnings

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg import _validation


def classifier(padding="valid"):
    return keras.Sequential(
        [
            keras.Input((7, 6, 2)),
            layers.Conv2D(3, 3, strides=(2, 1), padding=padding, activation="tanh"),
            layers.Flatten(),
            layers.Dense(4),
        ]
    )


def noise(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize("step", [1, 3, (2, 4)])
def test_against_nested_loops(step):
    model, image = classifier(), noise(16, 15, 2)
    down, across = (step, step) if isinstance(step, int) else step
    expected = [
        [
            model.predict_on_batch(image[None, top : top + 7, left : left + 6])[0]
            for left in range(0, 15 - 6 + 1, across)
        ]
        for top in range(0, 16 - 7 + 1, down)
    ]
    found = ks.inference.sliding_window(model, image, step=step, batch_size=5)
    assert found.shape == ((16 - 7) // down + 1, (15 - 6) // across + 1, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_several_images():
    model, images = classifier(), noise(2, 9, 8, 2)
    found = ks.inference.sliding_window(model, images, step=2)
    assert found.shape == (2, 2, 2, 4)
    np.testing.assert_allclose(found[1], ks.inference.sliding_window(model, images[1], step=2), rtol=1e-5, atol=1e-6)


def test_an_image_as_large_as_the_patch():
    model, image = classifier(), noise(7, 6, 2)
    found = ks.inference.sliding_window(model, image, step=4)
    np.testing.assert_allclose(found[0, 0], model.predict_on_batch(image[None])[0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(ks.inference.shift_and_stitch(model, image), found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [(8, 7), (15, 16)])
def test_shift_and_stitch_is_the_window_at_every_pixel(size):
    model, image = classifier(), noise(2, *size, 2)
    found = ks.inference.shift_and_stitch(model, image)
    expected = ks.inference.sliding_window(model, image, step=1)
    assert found.shape == expected.shape == (2, size[0] - 6, size[1] - 5, 4)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_shift_and_stitch_with_padding_keeps_the_grid():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert ks.inference.shift_and_stitch(classifier("same"), noise(12, 11, 2)).shape == (6, 6, 4)


def test_difference_of_a_valid_network_is_rounding():
    difference = ks.inference.window_difference(classifier(), noise(14, 15, 2))
    assert difference.grid == (4, 10) and difference.step == (2, 1)
    assert difference.max_abs_difference < 1e-5 and difference.agreement == 1


def test_difference_of_another_model():
    """It measures what it is given: a form with other weights is far away."""
    model = classifier()
    other = ks.surgery.convolutionalize(model)
    other.set_weights([w + 1 for w in other.get_weights()])
    assert ks.inference.window_difference(model, noise(14, 15, 2), convolutional=other).max_abs_difference > 0.5
    coarse = keras.Sequential([keras.Input((None, None, 2)), layers.Conv2D(4, 7)])
    with pytest.raises(_validation.InputError, match="`convolutional` must give the sliding window's grid"):
        ks.inference.window_difference(model, noise(14, 15, 2), convolutional=coarse)


def test_agreement_of_one_channel_of_logits():
    """Logits of 0.2 and -0.2 are two classes, although both lie below 0.5."""
    model = keras.Sequential([keras.Input((1, 1, 1)), layers.Conv2D(1, 1, kernel_initializer="ones"), layers.Flatten()])
    opposite = keras.Sequential([keras.Input((None, None, 1)), layers.Conv2D(1, 1)])
    opposite.set_weights([-np.ones((1, 1, 1, 1)), np.zeros(1)])
    image = np.array([[[0.2], [-0.2]]], "float32")
    difference = ks.inference.window_difference(model, image, convolutional=opposite)
    assert difference.to_dict()["agreement"] == 0
    assert difference.max_abs_difference == pytest.approx(0.4)


def test_scores_that_are_not_finite():
    model = classifier()
    model.set_weights([w * np.nan for w in model.get_weights()])
    for function in (ks.inference.sliding_window, ks.inference.shift_and_stitch, ks.inference.window_difference):
        with pytest.raises(_validation.InputError, match="scores of `model` must be finite"):
            function(model, noise(9, 9, 2))


def test_bad_input():
    model, image = classifier(), noise(9, 9, 2)
    for function in (ks.inference.sliding_window, ks.inference.shift_and_stitch, ks.inference.window_difference):
        with pytest.raises(_validation.InputError, match="`image` must be at least as large as the patch, 7x6"):
            function(model, noise(6, 9, 2))
        with pytest.raises(_validation.InputError, match="`image` must be an array"):
            function(model, noise(9, 9))
        with pytest.raises(_validation.InputError, match="`image` must have the 2 channels that the model takes"):
            function(model, noise(9, 9, 3))
        with pytest.raises(_validation.InputError, match="`model` must be a keras.Model that is built"):
            function("PatchClassifier", image)
        with pytest.raises(_validation.InputError, match="fixed size.*not its convolutional form"):
            function(ks.surgery.convolutionalize(model), image)
    with pytest.raises(_validation.InputError, match="`step` must be an integer of at least 1"):
        ks.inference.sliding_window(model, image, step=0)
