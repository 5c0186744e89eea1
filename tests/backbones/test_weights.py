"""Weights in the files keras.applications publishes, made on the spot in their formats."""

import h5py
import keras
import numpy as np
import pytest

from keras_seg import backbones
from keras_seg.backbones.adapt_kernel import adapt_kernel

NAME = "MobileNet"
FILE = "mobilenet_1_0_224_tf_no_top.h5"  # published without a checksum
TF = keras.backend.backend() == "tensorflow"


def published(name=NAME, channels=3):
    net = getattr(keras.applications, name)(include_top=False, weights=None, input_shape=(None, None, channels))
    rng = np.random.default_rng(1)
    for weight in net.weights:  # nothing at its initial value: statistics too
        if len(weight.shape) == 1:
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return net


def save_legacy(net, path):
    """The format of the published files: an HDF5 group for each layer, in order."""
    from keras.src.legacy.saving import legacy_h5_format

    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, net)


def values(weights):
    return [keras.ops.convert_to_numpy(weight) for weight in weights]


def assert_same(model, net, skip=()):
    theirs = [weight for layer in net.layers if not isinstance(layer, skip) for weight in layer.weights]
    assert len(theirs) == len(model.weights) > 10
    for ours, expected in zip(values(model.weights), values(theirs), strict=True):
        np.testing.assert_array_equal(ours, expected)


@pytest.fixture
def keras_home(tmp_path, monkeypatch):
    # Keras reads the variable KERAS_HOME once, when it is imported.
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path


@pytest.fixture
def no_network(monkeypatch):
    import urllib.error

    from keras.src.utils import file_utils

    def fail(*args):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(file_utils, "urlretrieve", fail)


def test_imagenet_from_the_cache_of_keras(keras_home, no_network):
    net = published()
    save_legacy(net, keras_home / "models" / FILE)
    assert_same(backbones.build(NAME, weights="imagenet"), net)


def test_impossible_download_names_file_and_folder(keras_home, no_network):
    with pytest.raises(ValueError) as caught:
        backbones.build(NAME, weights="imagenet")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("`weights`", NAME, FILE, str(keras_home / "models"), "weights=None", "no network in tests"):
        assert part in message


def test_legacy_file(tmp_path):
    net = published()
    save_legacy(net, tmp_path / "notop.h5")
    assert_same(backbones.build(NAME, weights=str(tmp_path / "notop.h5")), net)


def test_weights_h5_and_keras_files(tmp_path):
    net = published()
    net.save_weights(tmp_path / "net.weights.h5")
    assert_same(backbones.build(NAME, weights=tmp_path / "net.weights.h5"), net)
    ours = backbones.build(NAME)
    ours.save_weights(tmp_path / "ours.weights.h5")
    assert_same(backbones.build(NAME, weights=tmp_path / "ours.weights.h5"), ours)


@pytest.mark.skipif(not TF, reason="one backend is enough")
@pytest.mark.slow
def test_efficientnet_leaves_its_own_normalization_in_the_file(tmp_path):
    net = published("EfficientNetB0")
    save_legacy(net, tmp_path / "notop.h5")
    assert_same(backbones.build("EfficientNetB0", weights=tmp_path / "notop.h5"), net, keras.layers.Normalization)


def test_own_file_with_four_channels(tmp_path):
    ours = backbones.build(NAME, input_shape=(None, None, 4))
    ours.save_weights(tmp_path / "four.weights.h5")
    assert_same(backbones.build(NAME, input_shape=(None, None, 4), weights=tmp_path / "four.weights.h5"), ours)


def test_compact_file(tmp_path):
    ours = backbones.build("Compact")
    ours.save_weights(tmp_path / "compact.weights.h5")
    assert_same(backbones.build("Compact", weights=tmp_path / "compact.weights.h5"), ours)


def test_missing_and_unfit_files(tmp_path):
    with pytest.raises(ValueError, match=r"`weights` names no existing file. Received: weights='nowhere.h5'"):
        backbones.build(NAME, weights="nowhere.h5")
    with pytest.raises(ValueError, match="`weights` must be None"):
        backbones.build(NAME, weights=7)
    backbones.build("Compact").save_weights(tmp_path / "compact.weights.h5")
    with pytest.raises(ValueError, match=r"does not hold weights that fit MobileNet\..*compact\.weights\.h5") as caught:
        backbones.build(NAME, weights=tmp_path / "compact.weights.h5")
    assert "\n" not in str(caught.value)


def test_file_with_a_layer_missing(tmp_path):
    path = tmp_path / "net.weights.h5"
    published().save_weights(path)
    with h5py.File(path, "a") as file:
        del file["layers/conv2d_5"]
    with pytest.raises(ValueError, match="does not hold weights that fit"):
        backbones.build(NAME, weights=path)


def test_adapted_kernels_by_hand():
    kernel = np.array([1.0, 2.0, 6.0], "float32").reshape(1, 1, 3, 1)

    def adapted(channels, bgr=False):
        return adapt_kernel(kernel, channels, bgr=bgr).ravel().tolist()

    assert adapted(3) == [1, 2, 6]
    assert adapted(1) == [9]  # 1 + 2 + 6
    assert adapted(2) == [4.5, 4.5]
    assert adapted(4) == [0.5, 2, 6, 0.5]  # R G B R: red is shared by two
    assert adapted(7) == pytest.approx([1 / 3, 1, 3, 1 / 3, 1, 3, 1 / 3])
    assert adapted(5, bgr=True) == [3, 1, 1, 3, 1]  # the kernel's first is blue: R = 6, G = 2, B = 1


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    ("name", "channels"),
    [
        (NAME, 1),
        ("VGG16", 4),
        *(
            pytest.param(name, count, marks=pytest.mark.slow)
            for name, count in ((NAME, 2), (NAME, 5), ("DenseNet121", 7), ("ConvNeXtTiny", 6))
        ),
    ],
)
def test_gray_images_keep_their_response(name, channels, tmp_path):
    """The rule's promise, on the whole network from raw pixels."""
    if not TF and (name, channels) not in ((NAME, 1), ("VGG16", 4)):
        pytest.skip("one backend is enough")
    save_legacy(published(name), tmp_path / "notop.h5")
    gray = np.random.default_rng(0).uniform(0, 255, (1, 32, 64, 1)).astype("float32")

    def responses(count):
        model = backbones.build(name, input_shape=(None, None, count), weights=tmp_path / "notop.h5")
        return {k: keras.ops.convert_to_numpy(v) for k, v in model(np.repeat(gray, count, axis=-1)).items()}

    color, adapted = responses(3), responses(channels)
    for level, expected in color.items():
        assert np.abs(expected).max() > 0
        np.testing.assert_allclose(adapted[level], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
