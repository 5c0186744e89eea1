import keras
import numpy as np
import pytest

from keras_seg import backbones
from keras_seg.layers.preprocessing import Preprocessing

APPS = keras.applications
OTHERS = ("EfficientNetV2B0", "EfficientNetV2S", "ConvNeXtTiny")
slow = pytest.mark.slow


@pytest.mark.parametrize(
    ("mode", "published"),
    [
        ("caffe", APPS.vgg16.preprocess_input),
        ("caffe", APPS.resnet.preprocess_input),
        ("tf", APPS.resnet_v2.preprocess_input),
        ("tf", APPS.mobilenet_v2.preprocess_input),
        ("tf", APPS.xception.preprocess_input),
        ("torch", APPS.densenet.preprocess_input),
    ],
)
def test_is_what_keras_applications_publishes(mode, published):
    image = np.random.default_rng(0).uniform(0, 255, (2, 5, 7, 3)).astype("float32")
    kept = image.copy()
    ours = keras.ops.convert_to_numpy(Preprocessing(mode)(image))
    np.testing.assert_array_equal(image, kept)
    np.testing.assert_allclose(ours, published(image.copy()), atol=2e-5)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", ["MobileNetV3Small", *(pytest.param(n, marks=slow) for n in OTHERS)])
def test_replaces_the_preprocessing_inside_published_networks(name):
    """Networks that normalize inside: our layer in front of them without it computes the same numbers."""
    if keras.backend.backend() != "tensorflow" and name != "MobileNetV3Small":
        pytest.skip("one backend is enough")
    inside = getattr(APPS, name)(include_top=False, weights=None, input_shape=(64, 64, 3))
    first = next(layer for layer in inside.layers if layer.weights)
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    theirs = keras.Model(inside.inputs[0], first.input)(image)
    ours = backbones.build(name).get_layer("preprocessing")(image)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(ours), keras.ops.convert_to_numpy(theirs), atol=1e-5)


def test_other_channel_counts_by_hand():
    # One channel: mean of (123.68, 116.779, 103.939) = 114.7993; 214.7993 - 114.7993 = 100.
    one = Preprocessing("caffe")(np.full((1, 1, 1, 1), 214.79933, "float32"))
    assert float(keras.ops.max(one)) == pytest.approx(100.0, abs=1e-3)
    # Five: R G B R G, no swap.
    five = Preprocessing("caffe")(np.full((1, 1, 1, 5), 123.68, "float32"))
    expected = [0.0, 123.68 - 116.779, 123.68 - 103.939, 0.0, 123.68 - 116.779]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(five).ravel(), expected, atol=1e-4)


def test_uint8_and_mixed_precision():
    """float32 arithmetic whatever the policy: in float16, 123.68 would already be off by 0.01."""
    keras.config.set_dtype_policy("mixed_float16")
    image = np.random.default_rng(0).integers(0, 256, (1, 4, 4, 3), dtype="uint8")
    layer = Preprocessing("torch")
    ours = layer(image)
    assert keras.backend.standardize_dtype(ours.dtype) == "float16"
    exact = APPS.densenet.preprocess_input(image.astype("float32"))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), exact.astype("float16"))


def test_config_round_trip():
    layer = Preprocessing("tf128", name="p")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert (again.mode, again.name) == ("tf128", "p")


def test_unknown_mode():
    with pytest.raises(ValueError, match=r"`mode` is not a known option. Received: mode='cafe'. Did you mean 'caffe'"):
        Preprocessing("cafe")
