"""Ensembles against NumPy's mean of what the models predict one by one."""

import keras
import numpy as np
import pytest
from keras import layers

import keras_seg as ks
from keras_seg.inference.output_kind import output_kind

IMAGES = np.random.default_rng(0).uniform(0, 255, size=(2, 7, 10, 3)).astype("float32")


def small(seed, activation="softmax", classes=3, size=(None, None), name="small"):
    image = keras.Input((*size, 3))
    normal = keras.initializers.RandomNormal(stddev=0.5, seed=seed)
    x = layers.Rescaling(1 / 128, -1)(image)
    return keras.Model(
        image, layers.Conv2D(classes, 3, padding="same", kernel_initializer=normal, activation=activation)(x), name=name
    )


def predict(model, images=IMAGES):
    return keras.ops.convert_to_numpy(model(images, training=False)).astype("float64")


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def test_the_mean_of_probabilities():
    models = [small(seed) for seed in range(3)]
    ensemble = ks.inference.Ensemble(models)
    np.testing.assert_allclose(predict(ensemble), np.mean([predict(model) for model in models], axis=0), atol=1e-6)
    assert output_kind(ensemble) == "probabilities"


def test_logits_become_probabilities_first():
    models = [small(0, activation=None), small(1), small(2, activation=None)]
    logits = [predict(model) for model in models]
    expected = np.mean([softmax(logits[0]), logits[1], softmax(logits[2])], axis=0)
    np.testing.assert_allclose(predict(ks.inference.Ensemble(models)), expected, atol=1e-6)


def test_one_channel():
    models = [small(0, None, 1), small(1, "sigmoid", 1)]
    expected = (1 / (1 + np.exp(-predict(models[0]))) + predict(models[1])) / 2
    ensemble = ks.inference.Ensemble(models)
    np.testing.assert_allclose(predict(ensemble), expected, atol=1e-6)
    np.testing.assert_array_equal(ks.inference.predict_classes(ensemble, IMAGES), expected[..., 0] > 0.5)


def test_saving(tmp_path):
    """Models of one architecture, which share their names, keep their own weights."""
    models = [ks.models.UNet(num_classes=3, filters=2, depth=1) for _ in range(2)]
    ensemble = ks.inference.Ensemble(models)
    ensemble.save(tmp_path / "ensemble.keras")
    loaded = keras.saving.load_model(tmp_path / "ensemble.keras")
    np.testing.assert_allclose(predict(loaded), predict(ensemble), atol=1e-6)
    assert np.abs(predict(models[0]) - predict(models[1])).max() > 0.01


def test_sizes_left_open_are_those_of_the_others():
    models = [small(0), small(1, size=(7, 10))]
    ensemble = ks.inference.Ensemble(models)
    assert ensemble.input_shape == (None, 7, 10, 3)
    np.testing.assert_allclose(predict(ensemble), np.mean([predict(model) for model in models], axis=0), atol=1e-6)


def test_augmented():
    """The passes of test-time augmentation and the models may be averaged in either order."""
    models = [small(seed) for seed in range(2)]
    augmented = [ks.inference.TestTimeAugmentation(model, "hflip") for model in models]
    outside = ks.inference.TestTimeAugmentation(ks.inference.Ensemble(models), "hflip")
    np.testing.assert_allclose(predict(ks.inference.Ensemble(augmented)), predict(outside), atol=1e-6)


@pytest.mark.tensorflow_only
def test_export(tmp_path):
    models = [ks.models.UNet(num_classes=3, filters=2, depth=1) for _ in range(2)]
    report = ks.export.tflite(ks.inference.Ensemble(models), tmp_path / "ensemble.tflite", input_size=16)
    assert report.agreement == 1.0
    assert report.max_abs_difference < 1e-5


def cut(model):
    """All classes except for the first, whose probabilities do not add up to 1."""
    return keras.Model(model.input, model.output[..., 1:])


ONE = small(0)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (ONE, "`models` must be a list of models"),
        ([ONE], "`models` must be at least two models.*Received: models=1"),
        ([ONE, ONE], "`models` must be different models"),
        ([ONE, "run"], r"`models\[1\]` must be a functional keras.Model"),
        ([ONE, small(1, classes=4)], r"`models` must have scores of one shape.*3\) and .*4\)"),
        ([small(0, size=(8, 8)), small(1, size=(16, 16))], "`models` must have images of one shape"),
        ([ONE, small(1, "sigmoid")], r"same kind of probabilities.*models\[0\]: softmax, models\[1\]: sigmoid"),
        ([ONE, cut(small(1, classes=4))], r"same kind of probabilities.*models\[0\]: softmax, models\[1\]: sigmoid"),
        ([ONE, small(1, "relu", name="other")], r"`models\[1\]` must show whether.*other.*End it in"),
    ],
)
def test_errors(models, message):
    with pytest.raises(ks.InputError, match=message) as error:
        ks.inference.Ensemble(models)
    assert "\n" not in str(error.value)
