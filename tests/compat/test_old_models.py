"""compat.segmentation_models against segmentation_models 1.0.1: outputs, counts and weights files."""

import importlib.util
import pathlib
import subprocess
import sys

import golden_segmentation_models as golden
import h5py
import keras
import numpy as np
import pytest

import keras_seg.compat.segmentation_models as sm
from keras_seg import InputError
from keras_seg.compat.segmentation_models._model import OldModel
from keras_seg.compat.segmentation_models._old_weights import load_old_weights

GOLDEN = np.load(pathlib.Path(golden.__file__).with_suffix(".npz"))
QUICK = (
    "unet resnet18",
    "unet seresnet50",
    "unet resnext50",
    "unet mobilenetv2",
    "linknet resnet18",
    "fpn resnet18",
    "pspnet resnet18",
)


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in golden.CASES])
def test_the_models_of_1_0_1(case):
    model = golden.build(sm, case)
    assert model.count_params() == GOLDEN[f"{case}: parameters"]
    expected = GOLDEN[f"{case}: output"]
    found = golden.seen(model.predict(golden.image(*golden.CASES[case][3]), verbose=0))
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.slow
@pytest.mark.tensorflow_only
def test_the_old_package_again(tmp_path):
    """The golden file is what it makes, and a weights file that it saves loads here."""
    for package in ("tf_keras", "segmentation_models"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    subprocess.run([sys.executable, golden.__file__, str(tmp_path)], check=True, timeout=1200)
    again = np.load(tmp_path / pathlib.Path(golden.__file__).with_suffix(".npz").name)
    assert set(again) == set(GOLDEN)
    for key in GOLDEN:
        np.testing.assert_allclose(again[key], GOLDEN[key], atol=1e-4 * np.abs(GOLDEN[key]).max())
    case = next(iter(golden.CASES))
    model = sm.Unet("resnet18", classes=3, activation="linear", encoder_weights=None, weights=tmp_path / "old.h5")
    found = golden.seen(model.predict(golden.image(*golden.CASES[case][3]), verbose=0))
    expected = GOLDEN[f"{case}: output"]
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())


@pytest.fixture(scope="module")
def model():
    return golden.build(sm, "unet resnet18")


def write_old(path, model, change=lambda name, values: (name, values), root=""):
    """A weights file as Keras 2 writes it: a group for each layer, its names in attributes."""
    with h5py.File(path, "w") as file:
        parent = file.create_group(root) if root else file
        names = []
        for layer in model.layers:
            found = change(layer.name, [np.array(weight) for weight in layer.get_weights()])
            if found is None:
                continue
            name, values = found
            names.append(name.encode())
            group = parent.create_group(name)
            keys = [f"{name}/weight_{number}:0" for number in range(len(values))]
            group.attrs["weight_names"] = [key.encode() for key in keys]
            for key, value in zip(keys, values, strict=True):
                group[key] = value
        # Keras divides lists that are too long for an attribute.
        half = len(names) // 2
        parent.attrs["layer_names0"], parent.attrs["layer_names1"] = names[:half], names[half:]
    return path


@pytest.fixture(scope="module")
def other():
    """The same model with other weights."""
    return sm.Unet("resnet18", classes=3, encoder_weights=None)


@pytest.mark.tensorflow_only
def test_a_weights_file_of_keras_2(tmp_path, model):
    """The weights, given to the constructor, and a whole model."""
    path = write_old(tmp_path / "best_model.h5", model)
    loaded = sm.Unet("resnet18", classes=3, encoder_weights=None, weights=str(path))
    check_equal(loaded, model)
    loaded.set_weights([0 * weight for weight in loaded.get_weights()])
    loaded.load_weights(write_old(tmp_path / "whole.h5", model, root="model_weights"))
    check_equal(loaded, model)


def check_equal(found, expected):
    for one, other in zip(found.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.tensorflow_only
def test_layers_that_keras_named_are_matched_in_their_order(tmp_path):
    """Their numbers go on over all models of a process."""
    first = sm.Linknet("seresnet18", encoder_weights=None)
    golden.fill(first)

    def renumbered(name, values):
        kind, _, number = name.rpartition("_")
        kind, number = (kind, int(number)) if number.isdigit() and kind == "conv2d" else (name, -1)
        return (f"conv2d_{number + 95}" if kind == "conv2d" else name), values

    path = write_old(tmp_path / "a.h5", first, renumbered)
    check_equal(sm.Linknet("seresnet18", encoder_weights=None, weights=path), first)


def by_groups(names):
    """Two convolutions with groups as Keras 2 has them: slices, a layer for each group, and a concatenation."""
    x = image = keras.Input((8, 8, 12))
    for number, bias in enumerate((False, True)):
        slices = [x[..., start : start + 3] for start in range(0, 12, 3)]
        groups = [
            keras.layers.Conv2D(3, 3, use_bias=bias, name=name)(part)
            for name, part in zip(names[4 * number :], slices, strict=False)
        ]
        x = keras.layers.Concatenate()(groups)
    return keras.Model(image, keras.layers.Conv2D(2, 1, name="last")(x))


def with_groups(names):
    """The same two convolutions as one layer each."""
    x = image = keras.Input((8, 8, 12))
    for name, bias in zip(names, (False, True), strict=True):
        x = keras.layers.Conv2D(12, 3, groups=4, use_bias=bias, name=name)(x)
    return keras.Model(image, keras.layers.Conv2D(2, 1, name="last")(x))


# (names of the groups in the file, names of the layers): of SENets; of ResNeXts as 1.0.0 of classification_models saved
# them, and as older versions did.
GROUPED = {
    "numbers": ([f"conv2d_{number}" for number in range(95, 103)], ("conv2d_3", "conv2d_12")),
    "numbers and names": ([f"conv2d_{number}" for number in range(95, 103)], ("unit1_conv2", "unit2_conv2")),
    "names": ([f"unit{unit}_conv2_{group}" for unit in (1, 2) for group in range(4)], ("unit1_conv2", "unit2_conv2")),
}


@pytest.mark.parametrize(("old_names", "names"), GROUPED.values(), ids=GROUPED)
def test_groups_that_are_layers_in_the_file(tmp_path, old_names, names):
    old, new = by_groups(old_names), with_groups(names)
    load_old_weights(new, write_old(tmp_path / "a.h5", old))
    image = np.random.default_rng(0).normal(size=(1, 8, 8, 12)).astype("float32")
    np.testing.assert_allclose(new.predict(image, verbose=0), old.predict(image, verbose=0), atol=1e-5)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("names", [names for _, names in GROUPED.values()], ids=GROUPED)
def test_groups_that_are_one_layer_in_the_file_too(tmp_path, names):
    first, second = with_groups(names), with_groups(names)
    load_old_weights(second, write_old(tmp_path / "a.h5", first))
    check_equal(second, first)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda name, own: None if name.endswith("102") else (name, own), r"conv2d_12 has weights of shape.*\(9,\)"),
        (lambda name, own: ("conv2d_103", own) if name == "last" else (name, own), "no weights for layer last"),
        (lambda name, own: (name, [w[:2] for w in own] if name.endswith("97") else own), "conv2d_3 has weights"),
    ],
)
def test_groups_that_do_not_fit(tmp_path, change, said):
    old_names, names = GROUPED["numbers"]
    model = with_groups(names)
    before = model.get_weights()
    with pytest.raises(InputError, match=said):
        load_old_weights(model, write_old(tmp_path / "a.h5", by_groups(old_names), change))
    assert all((a == b).all() for a, b in zip(before, model.get_weights(), strict=True))


@pytest.mark.tensorflow_only
def test_a_weights_file_of_the_backbone(tmp_path, model):
    decoder = ("decoder", "final")
    path = write_old(tmp_path / "a.h5", model, lambda name, own: None if name.startswith(decoder) else (name, own))
    loaded = sm.FPN("resnet18", encoder_weights=str(path))
    for name in ("conv0", "stage4_unit2_bn2"):
        expected = model.get_layer(name).get_weights()
        assert all((a == b).all() for a, b in zip(loaded.get_layer(name).get_weights(), expected, strict=True))


REFUSED = {
    "another layer": (lambda name, own: ("conv9", own) if name == "conv0" else (name, own), "conv0"),
    "one more layer": (lambda name, own: None if name == "bn0" else (name, own), "bn0"),
    "another shape": (
        lambda name, own: (name, [w[..., :1] for w in own] if name == "final_conv" else own),
        "final_conv",
    ),
}


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(("change", "said"), REFUSED.values(), ids=REFUSED)
def test_a_file_of_another_model_changes_nothing(tmp_path, model, other, change, said):
    path = write_old(tmp_path / "a.h5", model, change)
    before = other.get_weights()
    with pytest.raises(InputError, match=rf"a\.h5: .*{said}.*Build the"):
        other.load_weights(path)
    assert all((a == b).all() for a, b in zip(before, other.get_weights(), strict=True))


@pytest.mark.tensorflow_only
def test_layers_of_other_shapes_can_be_skipped(tmp_path, model, other):
    """As of a model of other classes; scripts of Keras 2 had `by_name` beside it."""
    path = write_old(
        tmp_path / "a.h5", model, lambda name, own: (name, [w[..., :1] for w in own] if name == "final_conv" else own)
    )
    classes = other.get_layer("final_conv")
    kept = [np.full_like(weight, 7) for weight in classes.get_weights()]
    classes.set_weights(kept)
    with pytest.warns(UserWarning, match=r"a\.h5: the weights of final_conv have other shapes there"):
        other.load_weights(path, by_name=True, skip_mismatch=True)
    for found, layer in zip(other.layers, model.layers, strict=True):
        expected = kept if layer.name == "final_conv" else layer.get_weights()
        for one, two in zip(found.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(one, two)


def test_saving(tmp_path, model, other):
    model.save(tmp_path / "a.keras")
    loaded = keras.models.load_model(tmp_path / "a.keras")
    assert type(loaded) is type(model)
    loaded.save_weights(tmp_path / "a.weights.h5")
    other.load_weights(tmp_path / "a.weights.h5")
    image = golden.image(32, 32)
    np.testing.assert_allclose(
        other.predict(image, verbose=0), keras.ops.sigmoid(model.predict(image, verbose=0)), atol=1e-5
    )


@pytest.mark.tensorflow_only
def test_encoder_freeze_leaves_batch_normalization():
    model = sm.Unet("mobilenetv2", encoder_weights=None, encoder_freeze=True)
    frozen = [layer for layer in model.layers if not layer.trainable]
    assert any(layer.name == "Conv1" for layer in frozen)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in frozen)
    assert model.get_layer("decoder_stage0a_conv").trainable


@pytest.mark.tensorflow_only
def test_bad_input():
    for name in ("resnet43", "xception"):
        with pytest.raises(
            InputError, match=rf"`backbone_name`.*resnet34.*seresnext50.*efficientnetb7.*{name}"
        ) as caught:
            sm.Unet(name)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="multiples of 48"):
        sm.PSPNet("resnet18", (100, 96, 3), encoder_weights=None)
    with pytest.raises(InputError, match="multiples of 48"):
        sm.PSPNet("resnet18", (None, None, 3), encoder_weights=None)
    with pytest.raises(InputError, match="there is no such file"):
        sm.Unet("resnet18", encoder_weights="/nowhere/a.h5")
    with pytest.raises(InputError, match="^/nowhere/a.h5: there is no such file"):
        sm.Unet("resnet18", encoder_weights=None, weights="/nowhere/a.h5")
    for name in ("a.h5", "a.weights.h5", "a.keras", "a"):
        with pytest.raises(InputError, match=rf"^/nowhere/{name}: there is no such file"):
            OldModel().load_weights(f"/nowhere/{name}")
    with pytest.raises(ValueError, match="upsampling"):
        sm.Unet("resnet18", encoder_weights=None, decoder_block_type="other")
    with pytest.raises(InputError, match="concat"):
        sm.FPN("resnet18", encoder_weights=None, pyramid_aggregation="mean")
    with pytest.raises(InputError, match=r"could not be downloaded.*resnet18_imagenet_1000_no_top\.h5"):
        sm.Unet("resnet18")
    with pytest.raises(InputError, match=r"could not be downloaded.*senet154_imagenet_1000_no_top\.h5"):
        sm.Unet("senet154")
    with pytest.raises(InputError, match="decoder_filters.*block 4"):
        sm.Linknet("resnet18", encoder_weights=None, decoder_filters=(None,) * 5)
    for message, call in (
        (
            r"`input_shape` must have a height and a width.*\(128, 96, 3\)",
            lambda **own: sm.Unet(input_shape=(100, 96, 3), **own),
        ),
        (
            r"`input_shape` must have a height and a width.*\(None, 64, 3\)",
            lambda **own: sm.FPN(input_shape=(None, 50, 3), **own),
        ),
        (r"multiples of 32.*\(32, 32, 3\)", lambda **own: sm.Linknet(input_shape=(32, 20, 3), **own)),
        (r"`input_shape` must be \(height, width, channels\)", lambda **own: sm.Unet(input_shape=(64, 64), **own)),
        ("`encoder_features` must hold 4 layers", lambda **own: sm.FPN(encoder_features=("relu0",), **own)),
        (
            "`encoder_features` must be .*Did you mean 'relu0'",
            lambda **own: sm.Unet(encoder_features=["relu00"], **own),
        ),
        ("`encoder_features` must be .*Received: 999", lambda **own: sm.Linknet(encoder_features=[999], **own)),
        ("`encoder_features` must be .*'relu0'", lambda **own: sm.Unet(encoder_features="relu0", **own)),
        (
            r"`encoder_features` must be layers whose maps double.*\(32, 32\) for one of \(2, 2\)",
            lambda **own: sm.Unet(input_shape=(64, 64, 3), encoder_features=["relu0"], **own),
        ),
        ("`decoder_block_type`.*upsampling", lambda **own: sm.Linknet(decoder_block_type="other", **own)),
    ):
        with pytest.raises(InputError, match=message) as caught:
            call(backbone_name="resnet18", encoder_weights=None)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="keras"):
        sm.set_framework("theano")
    sm.set_framework("TF.Keras")
    assert sm.framework() == "keras"


@pytest.mark.tensorflow_only
def test_further_features_of_an_fpn_have_no_effect():
    """As in the package; and sizes that are no multiples of 32 are refused where maps do not fit, not before."""
    layers = ["stage4_unit1_relu1", "stage3_unit1_relu1", "stage2_unit1_relu1", "relu0", "bn_data"]
    model = sm.FPN("resnet18", (127, 64, 3), encoder_weights=None, encoder_features=layers)
    plain = sm.FPN("resnet18", encoder_weights=None)
    assert model.count_params() == plain.count_params()
    assert model.output_shape == (None, 128, 64, 21)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("resnet34", [0, 127.5, 255]),
        ("mobilenet", [-1, 0, 1]),
        ("inceptionv3", [-1, 0, 1]),
        ("vgg16", [255 - 103.939, 127.5 - 116.779, -123.68]),
        ("efficientnetb0", [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("resnext50", [0, 127.5, 255]),
        ("seresnext50", [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
        ("densenet121", [-0.485 / 0.229, (0.5 - 0.456) / 0.224, (1 - 0.406) / 0.225]),
    ],
)
def test_preprocessing(name, expected):
    image = np.array([[[[0, 127.5, 255]]]], "float32")
    preprocess = sm.get_preprocessing(name)
    # With what Albumentations' Lambda passes: the rows and columns in earlier versions, the shape in later ones.
    for settings in ({}, {"rows": 1, "cols": 1}, {"shape": (1, 1, 3)}):
        np.testing.assert_allclose(np.asarray(preprocess(image.copy(), **settings))[0, 0, 0], expected, atol=1e-4)


@pytest.mark.tensorflow_only
def test_the_names_of_the_backbones():
    names = sm.get_available_backbone_names()
    assert len(names) == len(set(names)) == 32 and {"resnet34", "efficientnetb7", "senet154"} <= set(names)
