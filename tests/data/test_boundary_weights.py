import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from keras_seg._validation import InputError
from keras_seg.data import add_boundary_weights, boundary_weights

pytestmark = pytest.mark.tensorflow_only


def slow(instances, w0=10.0, sigma=5.0, inside=False):
    """One transform for each object, the two smallest distances."""
    ids = [i for i in np.unique(instances) if i]
    if len(ids) < 2:
        return np.ones(instances.shape)
    distances = np.sort([ndimage.distance_transform_edt(instances != i) for i in ids], axis=0)
    border = w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))
    return 1 + (border if inside else border * (instances == 0))


def two_squares(gap, size=(12, 40)):
    mask = np.zeros(size, "uint8")
    mask[2:10, 5:15] = mask[2:10, 15 + gap : 25 + gap] = 1
    return mask


def test_golden():
    # A gap of 2 pixels: distances 1 and 2 from either of its pixels, 10 e^(-(1 + 2)^2 / (2 * 25)) = 8.3527.
    weights = boundary_weights(two_squares(2))
    np.testing.assert_allclose(weights[5, 15:17], 1 + 8.3527, atol=5e-5)
    assert weights.dtype == np.float32
    assert np.all(weights[two_squares(2) == 1] == 1)
    # A gap of 1: 1 + 1.
    np.testing.assert_allclose(boundary_weights(two_squares(1))[5, 15], 1 + 10 * np.exp(-4 / 50), rtol=1e-6)
    # w0 and sigma: 3 e^(-9 / 8)
    other = boundary_weights(two_squares(2), w0=3, sigma=2)
    np.testing.assert_allclose(other[5, 15:17], 1 + 3 * np.exp(-9 / 8), rtol=1e-6)


@pytest.mark.parametrize("mask", [np.zeros((4, 5), int), np.ones((4, 5), int), np.eye(6, dtype=int), [[1]]])
def test_fewer_than_two_objects(mask):
    np.testing.assert_array_equal(boundary_weights(mask, inside=True), np.ones(np.shape(mask)))


@pytest.mark.parametrize("inside", [False, True])
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), sigma=st.sampled_from([1.0, 2.0, 5.0]))
def test_equals_the_slow_version(inside, seed, sigma):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(40, 57)), 2)
    mask = (noise > np.quantile(noise, 0.7)).astype(int)
    instances = ndimage.label(mask, np.ones((3, 3)))[0]
    wanted = slow(instances, sigma=sigma, inside=inside)
    ours = boundary_weights(mask, sigma=sigma, inside=inside)
    np.testing.assert_allclose(ours, wanted, atol=2e-6)
    # Ids may be any numbers.
    numbered = boundary_weights(mask, instances=instances * 7, sigma=sigma, inside=inside)
    np.testing.assert_array_equal(numbered, ours)


def test_objects_of_several_classes():
    """Two touching classes are two objects; with background None so is everything."""
    mask = np.zeros((6, 20), int)
    mask[:, :8], mask[:, 8:16] = 1, 2
    assert np.all(boundary_weights(mask)[:, :16] == 1)
    border = boundary_weights(mask, inside=True)
    # Inside, d1 = 0 and d2 = 1 on both sides of the edge.
    np.testing.assert_allclose(border[:, 7:9], 1 + 10 * np.exp(-1 / 50), rtol=1e-6)
    np.testing.assert_allclose(
        boundary_weights(mask, background=None, inside=True), slow(mask + 1, inside=True), atol=2e-6
    )


def test_class_weights_and_void():
    mask = two_squares(2)
    mask[0] = 255
    weights = boundary_weights(mask, class_weights=[0.5, 2.0], ignore_class=255)
    assert np.all(weights[mask == 1] == 2)
    np.testing.assert_allclose(weights[5, 15:17], 0.5 + 8.3527, atol=5e-5)
    # Void is no object: as background, but for its weight.
    plain = boundary_weights(np.where(mask == 255, 0, mask))
    np.testing.assert_array_equal(boundary_weights(mask, ignore_class=255), plain)
    # Void of an id map, and objects that touch no 0.
    full = np.where(np.arange(12)[:, None] < 6, 1, 2) * np.ones((1, 40), int)
    np.testing.assert_allclose(
        boundary_weights(full * 0, instances=full, inside=True), slow(full, inside=True), atol=2e-6
    )


def test_in_training():
    """The gap counts more: the loss with the weights is the mean of weights x cross-entropy."""
    import keras
    import tensorflow as tf

    from keras_seg.losses import Crossentropy

    masks = np.stack([two_squares(2), two_squares(6)]).astype("int32")
    images = np.random.default_rng(0).random((*masks.shape, 3)).astype("float32")
    dataset = add_boundary_weights(tf.data.Dataset.from_tensor_slices((images, masks)).batch(2), w0=5.0)
    _, _, weights = next(iter(dataset))
    np.testing.assert_array_equal(weights, [boundary_weights(mask, w0=5.0) for mask in masks])
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(inputs))
    model.compile("sgd", Crossentropy())
    p = model.predict(images, verbose=0)[..., 0]
    plain = -np.log(np.where(masks == 1, p, 1 - p))
    value = model.fit(dataset, verbose=0).history["loss"][0]
    assert value == pytest.approx(float(np.mean(plain * weights)), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask": np.zeros((2, 3))}, r"`mask` must be an integer array \(height, width\)"),
        ({"mask": np.zeros((1, 2, 3), int)}, "`mask` must be an integer array"),
        ({"sigma": 0}, "`sigma` must be above 0"),
        ({"w0": -1}, "`w0` must be a finite number"),
        ({"instances": np.zeros((3, 2), int)}, r"`instances` must have the shape of `mask`, \(12, 40\)"),
        ({"class_weights": [1.0]}, "`class_weights` must hold one number for each class; the mask has ids 0 to 1"),
        ({"class_weights": [1.0, -1.0]}, "`class_weights` must be a finite number"),
        ({"instances": np.zeros((12, 40), int), "background": 3}, "`background` cannot be combined with `instances`"),
        ({"inside": 1}, "`inside` must be True or False"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(InputError, match=message):
        boundary_weights(**{"mask": two_squares(2), **arguments})


def test_bad_arguments_of_a_dataset_are_found_at_once():
    with pytest.raises(InputError, match="`sigma` must be above 0"):
        add_boundary_weights(None, sigma=0)
    with pytest.raises(TypeError, match="instances"):  # One map of objects cannot fit every mask of a dataset.
        add_boundary_weights(None, instances=np.zeros((2, 2), int))


def test_without_scipy(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy", None)
    monkeypatch.setitem(sys.modules, "scipy.ndimage", None)
    with pytest.raises(ImportError, match=r'pip install "keras-seg\[boundary\]"'):
        boundary_weights(two_squares(2))
