"""The networks in PyTorch's form: equal to their originals, whose numbers golden_torch.py wrote."""

import json
import pathlib

import keras
import numpy as np
import pytest
from goldens_again import check_again
from random_states import image, random_state, sample

import keras_seg as ks
from keras_seg.backbones.ported import variant_of

pytestmark = pytest.mark.filterwarnings("ignore:The weights that (NVIDIA|Meta) published")

GOLDEN = np.load(pathlib.Path(__file__).with_name("golden_torch.npz"))
CONVNEXT_NAMES = np.load(pathlib.Path(__file__).with_name("golden_convnext_names.npz"))
TF = keras.backend.backend() == "tensorflow"
RESNETS = ("ResNet18", "ResNet34", "ResNet50Torchvision", "ResNet101Torchvision")
MOBILES = (
    *("MobileNetV3LargeTorchvision", "MobileNetV3SmallTorchvision"),
    *("MobileNetV4ConvSmall", "MobileNetV4ConvMedium"),
)
LITES = tuple(f"EfficientNetLite{number}" for number in range(5))
CONVNEXTS = tuple(f"ConvNeXtV2{size}" for size in ("Atto", "Femto", "Pico", "Nano", "Tiny"))
MITS = tuple(f"MiTB{number}" for number in range(6))
# One of each family.
SMALLEST = (
    "ResNet18",
    "MobileNetV3SmallTorchvision",
    "MobileNetV4ConvSmall",
    "EfficientNetLite0",
    "ConvNeXtV2Atto",
    "MiTB0",
)
# One small one of each family on every backend, the others where they are quick.
NAMES = [
    pytest.param(name, marks=() if name in SMALLEST else pytest.mark.slow)
    for name in (*RESNETS, *MOBILES, *LITES, *CONVNEXTS, *MITS)
]
# Trainable, without the classifier: counted in the originals.
PARAMETERS = {
    "ResNet18": 11_176_512,
    "ResNet34": 21_284_672,
    "ResNet50Torchvision": 23_508_032,
    "ResNet101Torchvision": 42_500_160,
    "MobileNetV3LargeTorchvision": 2_971_952,
    "MobileNetV3SmallTorchvision": 927_008,
    "MobileNetV4ConvSmall": 1_261_664,
    "MobileNetV4ConvMedium": 7_203_152,
    "EfficientNetLite0": 3_371_008,
    "EfficientNetLite1": 4_135_680,
    "EfficientNetLite2": 4_811_072,
    "EfficientNetLite3": 6_916_096,
    "EfficientNetLite4": 11_725_568,
    "ConvNeXtV2Atto": 3_386_760,
    "ConvNeXtV2Femto": 4_847_472,
    "ConvNeXtV2Pico": 8_552_256,
    "ConvNeXtV2Nano": 14_981_520,
    "ConvNeXtV2Tiny": 27_864_960,
    "MiTB0": 3_319_392,
    "MiTB1": 13_151_424,
    "MiTB2": 24_196_288,
    "MiTB3": 44_072_128,
    "MiTB4": 60_842_688,
    "MiTB5": 81_443_008,
}


def state_of(name):
    """A random state dict with the keys and shapes of the original, its classifier included."""
    return random_state(json.loads(str(GOLDEN[f"{name}/shapes"])))


def check_maps(maps, name, first, height, *, golden=GOLDEN):
    for number, map in enumerate(maps, start=first):
        map, key = keras.ops.convert_to_numpy(map), f"{name}/{height}/{number}"
        assert map.shape[1:] == tuple(golden[f"{key}/shape"])
        expected = golden[key]
        assert expected.std() > 0.05
        np.testing.assert_allclose(sample(map), expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", NAMES)
def test_every_level_equals_the_original(name):
    """At an even and an odd size, the odd one through all five halvings."""
    for first, skips in ((0, "wide"), (5, "narrow")):
        if first and name not in (*LITES, *MOBILES):
            continue
        model = ks.backbones.build(name, weights=state_of(name), include_preprocessing=False, skips=skips)
        for height, width in ((64, 96), (75, 53)):
            check_maps(model(image(height, width)).values(), name, first, height)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("source", ["transformers", "authors"])
def test_convnext_under_the_names_of(source):
    state = random_state(json.loads(str(CONVNEXT_NAMES[f"{source}/shapes"])))
    if source == "transformers":  # A network without its classifier has no prefix there.
        bare = {key.removeprefix("convnextv2."): value for key, value in state.items() if "classifier" not in key}
        ks.backbones.build("ConvNeXtV2Atto", weights=bare)
    model = ks.backbones.build("ConvNeXtV2Atto", weights=state, include_preprocessing=False)
    for height, width in ((64, 96), (75, 53)):
        check_maps(model(image(height, width)).values(), source, 0, height, golden=CONVNEXT_NAMES)
    lacking = {key: value for key, value in state.items() if "pwconv1" not in key}
    with pytest.raises(ks.InputError, match=r"lack 'stages\.0\.blocks\.0\.mlp\.fc1\.weight'"):
        ks.backbones.build("ConvNeXtV2Atto", weights=lacking)


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    "name",
    # ResNet50 has all layers of ResNet34, and three for two of them.
    [pytest.param(n, marks=pytest.mark.slow if n > "MiTB1" and "50" not in n else ()) for n in PARAMETERS],
)
def test_parameter_counts(name):
    model = ks.backbones.build(name)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == PARAMETERS[name]
    assert PARAMETERS[name] == GOLDEN[f"{name}/parameters"]
    assert name in ks.backbones.names()
    assert variant_of(model) == name


def test_levels():
    resnet = ks.backbones.build("ResNet50Torchvision").output
    assert {level: map.shape[-1] for level, map in resnet.items()} == {
        "P1": 64,
        "P2": 256,
        "P3": 512,
        "P4": 1024,
        "P5": 2048,
    }
    lite, mobile = (
        {
            skips: {k: v.shape[-1] for k, v in ks.backbones.build(name, skips=skips).output.items()}
            for skips in ("wide", "narrow")
        }
        for name in ("EfficientNetLite0", "MobileNetV4ConvSmall")
    )
    mit = ks.backbones.build("MiTB0").output
    assert {level: map.shape[-1] for level, map in mit.items()} == {"P2": 32, "P3": 64, "P4": 160, "P5": 256}
    assert mobile["wide"] == {"P1": 32, "P2": 32, "P3": 64, "P4": 96, "P5": 960}
    assert mobile["narrow"] == {**mobile["wide"], "P5": 128}
    assert lite["wide"] == {"P1": 96, "P2": 144, "P3": 240, "P4": 672, "P5": 1280}
    assert lite["narrow"] == {"P1": 16, "P2": 24, "P3": 40, "P4": 112, "P5": 320}


def test_preprocessing_of_each_family():
    """Raw pixels at the networks' ends of the range: (0 - 127) / 128, and torchvision's mean and deviation."""
    black = np.zeros((1, 1, 1, 3), "float32")
    lite = ks.backbones.build("EfficientNetLite0").get_layer("preprocessing")(black)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(lite), -127 / 128)
    for name in ("ResNet18", "MobileNetV3SmallTorchvision", "MobileNetV4ConvSmall", "ConvNeXtV2Atto", "MiTB0"):
        torch = ks.backbones.build(name).get_layer("preprocessing")(black)
        expected = [[[[-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]]]]
        np.testing.assert_allclose(keras.ops.convert_to_numpy(torch), expected, rtol=1e-5)


@pytest.mark.parametrize("name", SMALLEST)
def test_saved_and_loaded_in_mixed_precision(name, tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = ks.backbones.build(name)
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 32, 64, 3)).astype("float32")
    before = keras.ops.convert_to_numpy(keras.ops.cast(model(pixels)["P3"], "float32"))
    assert keras.backend.standardize_dtype(model(pixels)["P5"].dtype) == "bfloat16"
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    after = keras.ops.convert_to_numpy(keras.ops.cast(again(pixels)["P3"], "float32"))
    np.testing.assert_array_equal(after, before)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "name", ["MobileNetV3SmallTorchvision", pytest.param("ConvNeXtV2Atto", marks=pytest.mark.slow)]
)
def test_a_network_is_recognized(name):
    """Also dilated and loaded again."""
    model = ks.backbones.build(name, name="backbone")
    for other in (ks.surgery.dilate(model, output_stride=8), keras.Model.from_config(model.get_config())):
        assert variant_of(other) == name


@pytest.mark.tensorflow_only
def test_other_networks_are_not_recognized():
    for name in ("Compact", "MobileNetV3Small"):
        assert variant_of(ks.backbones.build(name)) is None


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", [name for name in SMALLEST if name not in ("MiTB0", "ConvNeXtV2Atto")])
def test_surgery(name):
    """Dilation keeps every value of the map it refines, and folding keeps the output.

    MobileNetV3 averages whole maps, which dilation makes finer, so its values are only close.
    """
    model = ks.backbones.build(name, weights=state_of(name), include_preprocessing=False)
    deepest = keras.Model(model.inputs[0], model.output["P5"])
    pixels = image(64, 96)
    expected = keras.ops.convert_to_numpy(deepest(pixels))
    scale = np.abs(expected).max()
    fine = keras.ops.convert_to_numpy(ks.surgery.dilate(deepest, output_stride=8)(pixels))
    close = 5e-3 if name == "MobileNetV3SmallTorchvision" else 1e-5
    np.testing.assert_allclose(fine[:, ::4, ::4], expected, atol=close * scale)
    folded = ks.surgery.fold_batch_norm(deepest)
    assert not any(isinstance(layer, keras.layers.BatchNormalization) for layer in folded.layers)
    np.testing.assert_allclose(keras.ops.convert_to_numpy(folded(pixels)), expected, atol=1e-5 * scale)


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", SMALLEST)
def test_exports_prove_themselves(name, tmp_path):
    pixels = np.random.default_rng(0).uniform(0, 255, (64, 64, 3)).astype("float32")
    model = ks.models.FPN(num_classes=4, backbone=name, weights=state_of(name))
    for format_, file in (("tflite", "m.tflite"), ("onnx", "m.onnx"), ("openvino", "m.xml"), ("saved_model", "m")):
        report = getattr(ks.export, format_)(model, tmp_path / file, input_size=(64, 64), images=[pixels])
        assert report.max_abs_difference < 1e-3
        assert format_ != "tflite" or not any(op.lower().startswith("flex") for op in report.ops)


@pytest.mark.tensorflow_only
@pytest.mark.slow
def test_goldens_are_what_the_originals_compute(tmp_path, monkeypatch):
    packages = ("timm", "torchvision", "efficientnet_lite_pytorch", "segmentation_models_pytorch")
    check_again("golden_torch", GOLDEN, packages, tmp_path=tmp_path, monkeypatch=monkeypatch)
    others = (*packages, "transformers")
    check_again("golden_convnext_names", CONVNEXT_NAMES, others, tmp_path=tmp_path, monkeypatch=monkeypatch)
