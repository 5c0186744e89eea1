"""Patch classifiers: parameters by hand, geometry, training, and the way to images."""

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation


def noise(*shape):
    return np.random.default_rng(0).uniform(0, 255, size=shape).astype("float32")


def small_vgg(**kwargs):
    return ks.models.PatchClassifier(
        **{"num_classes": 3, "architecture": "vgg", "patch_size": 16, "filters": (4, 6), "units": (8,), **kwargs}
    )


def test_parameters_of_lenet():
    """5*5*1*6 + 6 = 156; 5*5*6*16 + 16 = 2,416; 400*120 + 120 = 48,120; 120*84 + 84 = 10,164; 84*10 + 10 = 850."""
    model = ks.models.PatchClassifier(num_classes=10, input_shape=(32, 32, 1))
    assert model.count_params() == 156 + 2416 + 48120 + 10164 + 850 == 61706
    sizes = [model.get_layer(f"block{b}_{kind}").output.shape[1] for b in (1, 2) for kind in ("conv", "pool")]
    assert sizes == [28, 14, 10, 5]


def test_geometry_of_vgg():
    """The lecture's window: 64 pixels become 8x8x256."""
    model = ks.models.PatchClassifier(num_classes=2, architecture="vgg")
    assert model.input_shape == (None, 64, 64, 3)
    assert model.get_layer("block3_pool").output.shape[1:] == (8, 8, 256)
    assert model.get_layer("dense1").kernel.shape == (8 * 8 * 256, 256)


def test_parameters_of_the_average_head():
    """A block's convolution has 9 * in * out, its normalization 4 * out; the head 6 * 3 + 3."""
    model = small_vgg(head="average", units=None)
    trunk = 9 * 3 * 4 + 9 * 4 * 4 + 9 * 4 * 6 + 9 * 6 * 6 + 4 * (4 + 4 + 6 + 6)
    assert model.count_params() == trunk + 6 * 3 + 3


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("head", ["dense", "average"])
@pytest.mark.parametrize("architecture, patch", [("lenet", (32, 28)), ("vgg", (40, 36))])
def test_one_pass_equals_the_window_when_valid(architecture, patch, head):
    model = ks.models.PatchClassifier(
        4,
        input_shape=(*patch, 3),
        architecture=architecture,
        head=head,
        filters=(4, 6),
        units=(8,) if head == "dense" else None,
        padding="valid",
        activation=None,
    )
    image = noise(50, 47, 3)
    difference = ks.inference.window_difference(model, image)
    assert difference.grid == ((50 - patch[0]) // 4 + 1, (47 - patch[1]) // 4 + 1)
    assert difference.max_abs_difference < 1e-5


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_it_learns():
    """Bright patches against dark ones."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, size=64)
    patches = (labels[:, None, None, None] * 120 + rng.uniform(0, 130, size=(64, 16, 16, 3))).astype("float32")
    model = small_vgg(num_classes=2, dropout=0.1)
    model.compile(keras.optimizers.Adam(3e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(patches, labels, batch_size=16, epochs=8, verbose=0)
    assert (model.predict(patches, verbose=0).argmax(-1) == labels).mean() > 0.9


def test_probabilities_and_scores():
    model, bare = small_vgg(), small_vgg(activation=None, include_preprocessing=False)
    bare.set_weights(model.get_weights())
    patches = noise(2, 16, 16, 3)
    expected = keras.ops.convert_to_numpy(keras.ops.softmax(bare.predict(patches / 127.5 - 1, verbose=0)))
    np.testing.assert_allclose(model.predict(patches, verbose=0), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "kwargs, message",
    [
        ({"architecture": "vgg16"}, "Did you mean 'vgg'"),
        ({"head": "flatten"}, "`head` is not a known option"),
        ({"padding": "full"}, "`padding` is not a known option"),
        ({"filters": ()}, "`filters` must be a non-empty sequence"),
        ({"units": (0,)}, "`units` must be an integer of at least 1"),
        ({"patch_size": 3}, "`patch_size` must be at least 4 with 2 levels"),
        (
            {"patch_size": 18, "padding": "valid", "filters": (4, 4, 4)},
            "`patch_size` must be at least 36 with 3 levels",
        ),
        ({"input_shape": (16, 20, 3), "patch_size": 16}, "`patch_size` must agree with input_shape"),
        ({"input_shape": (None, None)}, "`input_shape` must be"),
        ({"dropout": 1}, "`dropout` must be"),
        ({"num_classes": 1}, "Pass num_classes=2"),
        ({"head": "average"}, '`units` has no effect with head="average"'),
        ({"head": "average", "units": None, "dropout": 0.5}, '`dropout` has no effect with head="average"'),
    ],
)
def test_bad_arguments(kwargs, message):
    with pytest.raises(_validation.InputError, match=message) as caught:
        small_vgg(**kwargs)
    assert "\n" not in str(caught.value)


def test_by_name():
    model = ks.models.build("PatchClassifier", num_classes=10, input_shape=(32, 32, 1))
    assert model.count_params() == 61706
