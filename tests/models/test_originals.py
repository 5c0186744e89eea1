"""Nets equal to their originals, whose numbers golden_nets.py wrote."""

import json
import pathlib
import warnings

import keras
import numpy as np
import pytest
from goldens_again import check_again
from random_states import image, random_state, sample

import keras_seg as ks

GOLDEN = np.load(pathlib.Path(__file__).with_name("golden_nets.npz"))
FAST_SCNN_SIZES = ((64, 96), (63, 125))
ANY_SIZES, WHOLE_SIZES, PAN_SIZES = ((64, 96), (75, 53)), ((64, 96), (96, 32)), ((128, 160), (144, 176))
LARGE_MOBILE = {"backbone": "MobileNetV3LargeTorchvision", "output_stride": 16}
# key: (model, its arguments)
NETS = {
    "deeplabv3_resnet50": ("DeepLabV3", {}),
    "deeplabv3_resnet101": ("DeepLabV3", {"backbone": "ResNet101Torchvision"}),
    "fcn_resnet50": ("FCN", {}),
    "fcn_resnet101": ("FCN", {"backbone": "ResNet101Torchvision"}),
    "deeplabv3_mobilenet": ("DeepLabV3", {**LARGE_MOBILE, "rates": (12, 24, 36)}),
    "smp_deeplabv3": ("DeepLabV3", {"backbone": "ResNet18", "dilate_strided": True}),
    "smp_deeplabv3_16": ("DeepLabV3", {"output_stride": 16, "dilate_strided": True}),
    "lraspp": ("LRASPP", {}),
    "smp_unetplusplus": ("UNetPlusPlus", {"backbone": "ResNet18"}),
    "smp_unetplusplus_resnet34": ("UNetPlusPlus", {}),
    "smp_unetplusplus_resnet50": ("UNetPlusPlus", {"backbone": "ResNet50Torchvision"}),
    "smp_upernet": ("UPerNet", {"backbone": "ResNet18"}),
    "smp_upernet_resnet34": ("UPerNet", {}),
    "smp_unetplusplus_scse": ("UNetPlusPlus", {"backbone": "ResNet18", "decoder_attention": "scse"}),
    "smp_manet": ("MAnet", {"backbone": "ResNet18"}),
    "smp_manet_resnet34": ("MAnet", {}),
    "smp_manet_resnet50": ("MAnet", {"backbone": "ResNet50Torchvision"}),
    "smp_pan": ("PAN", {"backbone": "ResNet18", "dilate_strided": True}),
    "smp_pan_resnet34": ("PAN", {"dilate_strided": True}),
    "smp_pan_resnet50": ("PAN", {"backbone": "ResNet50Torchvision", "dilate_strided": True}),
    "fast_scnn": ("FastSCNN", {"num_classes": 19}),
    "bisenetv2": ("BiSeNetV2", {"num_classes": 19}),
    "pidnet": ("PIDNet", {"num_classes": 19}),
    "pidnet_m": ("PIDNet", {"num_classes": 19, "variant": "m"}),
    "pidnet_l": ("PIDNet", {"num_classes": 19, "variant": "l"}),
    "ddrnet": ("DDRNet", {"num_classes": 19}),
    "ddrnet_23": ("DDRNet", {"num_classes": 19, "variant": "23"}),
}
# Of torchvision's documentation, of the authors, or counted in segmentation_models_pytorch.
PARAMETERS = {
    "deeplabv3_resnet50": 39_638_869,
    "deeplabv3_resnet101": 58_630_997,
    "deeplabv3_mobilenet": 11_025_477,
    "fcn_resnet50": 32_957_013,
    "lraspp": 3_221_538,
    "smp_unetplusplus_resnet34": 26_081_509,
    "smp_unetplusplus_resnet50": 48_988_645,
    "smp_upernet_resnet34": 29_604_821,
    "smp_manet_resnet34": 31_786_533,
    "smp_manet_resnet50": 147_442_893,
    "smp_pan_resnet34": 21_481_596,
    "smp_pan_resnet50": 24_265_596,
    "fast_scnn": 1_138_051,
    "bisenetv2": 3_358_627,
    "pidnet": 7_625_715,
    "pidnet_m": 28_538_515,
    "pidnet_l": 36_939_571,
    "ddrnet": 5_695_987,
    "ddrnet_23": 20_148_947,
}
# The same, heads for training included.
WITH_AUX = {
    "deeplabv3_resnet50": 42_004_074,
    "deeplabv3_mobilenet": 11_029_328,
    "fcn_resnet50": 35_322_218,
    "fast_scnn": 1_157_174,
    "bisenetv2": 5_231_487,
    "pidnet": 7_720_935,
    "ddrnet": 5_734_342,
}
COMPUTED = [key for key in NETS if f"{key}/0" in GOLDEN]
# One of each form of the backbones and of the names.
QUICK = ("smp_deeplabv3", "lraspp", "smp_unetplusplus", "smp_pan", "smp_upernet", "ddrnet", "fast_scnn")


def slow_but_for(quick, keys):
    return [pytest.param(key, marks=() if key in quick else pytest.mark.slow) for key in keys]


def build(key, **arguments):
    name, given = NETS[key]
    common = {"num_classes": 21, "activation": None, "include_preprocessing": False}
    return ks.models.build(name, **{**common, **given, **arguments})


def state_of(key):
    """A random state dict of the original, the heads for training included."""
    return random_state(json.loads(str(GOLDEN[f"{key}/shapes"])))


def scores_of(key, model):
    """What the original outputs: scores as large as the image, or those that are not enlarged yet."""
    if key.startswith(("smp_deeplabv3", "smp_pan", "smp_upernet", "ddrnet", "pidnet")):
        model = keras.Model(model.inputs[0], model.get_layer("logits").output)
    return lambda pixels: np.asarray(keras.ops.convert_to_numpy(model(pixels, training=False)))


def sizes_of(key):
    if key.startswith("smp_pan"):
        return PAN_SIZES
    if key == "fast_scnn":
        return FAST_SCNN_SIZES
    return WHOLE_SIZES if key.startswith(("smp", "ddrnet", "bisenet")) else ANY_SIZES


def check_parameters(key, model):
    found = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert found == GOLDEN[f"{key}/parameters"]
    assert found == PARAMETERS.get(key, found)


@pytest.mark.slow_off_tensorflow
@pytest.mark.filterwarnings("ignore:deeplabv3 has dilations:UserWarning")  # Its original was built with them.
@pytest.mark.parametrize("key", slow_but_for(QUICK, COMPUTED))
def test_scores_equal_the_original(key):
    """At two sizes, one of them odd where the original takes it; with heads for training in the state dict."""
    model = build(key)
    check_parameters(key, model)
    scores = scores_of(key, ks.models.convert(state_of(key), model))
    for number, size in enumerate(sizes_of(key)):
        check_scores(scores(image(*size)), f"{key}/{number}")


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("key", slow_but_for(("fast_scnn",), WITH_AUX))
def test_heads_for_training_equal_the_original(key):
    model = build(key, aux=True)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == WITH_AUX[key]
    assert WITH_AUX[key] == GOLDEN[f"{key}/aux/parameters"]
    ks.models.convert(state_of(key), model)
    sizes = sizes_of(key)
    outputs = model(image(*sizes[-1]), training=False)
    if key in ("pidnet", "ddrnet"):  # They return scores that are not enlarged yet.
        names = {name: "logits" if name == "main" else f"{name}_logits" for name in outputs}
        outputs = keras.Model(model.inputs[0], {n: model.get_layer(layer).output for n, layer in names.items()})(
            image(*sizes[-1]), training=False
        )
    golden = {name: f"{key}/{len(sizes) - 1}" if name == "main" else f"{key}/aux/{name}" for name in outputs}
    assert {f"{key}/aux/{name}" for name in outputs} - {f"{key}/aux/main"} == {
        name for name in GOLDEN if name.startswith(f"{key}/aux/") and not name.endswith("parameters")
    }
    for name, expected in golden.items():
        check_scores(outputs[name], expected)


def check_scores(found, golden):
    expected = GOLDEN[golden]
    assert expected.std() > 0.05
    np.testing.assert_allclose(sample(found), expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.tensorflow_only
def test_unet_equals_the_original():
    """What the classes are decided by, which the golden numbers are of, and the layer that decides."""
    state = state_of("smp_unet_scse")
    given = {"backbone": "ResNet18", "decoder_attention": "scse", "include_preprocessing": False}
    model = ks.models.convert(state, ks.models.UNet(21, head_kernel_size=3, **given))
    features = keras.Model(model.inputs[0], model.get_layer("logits").input)
    for number, size in enumerate(WHOLE_SIZES):
        check_scores(features(image(*size), training=False), f"smp_unet_scse/{number}")
    kernel, bias = model.get_layer("logits").get_weights()
    np.testing.assert_array_equal(kernel.transpose(3, 2, 0, 1), state["segmentation_head.0.weight"])
    np.testing.assert_array_equal(bias, state["segmentation_head.0.bias"])
    for arguments, message in (
        ({}, "must decide the classes by 3x3 pixels.*unet of 1x1.*head_kernel_size=3"),
        ({"head_kernel_size": 3, "interpolation": "bilinear"}, "must enlarge maps by the nearest pixel.*nearest"),
        ({"head_kernel_size": 3, "num_classes": 5}, "must have scores of 5 classes, as the model; they have 21"),
    ):
        with pytest.raises(ks.InputError, match=message):
            ks.models.convert(state, ks.models.UNet(**{"num_classes": 21, **given, **arguments}))


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("key", [key for key in NETS if key not in COMPUTED])
def test_parameter_counts(key):
    check_parameters(key, build(key))


@pytest.mark.tensorflow_only
def test_nodes_are_those_of_the_paper():
    """Each of the encoder's maps but the last has a decoder of its own."""

    def nodes(**arguments):
        model = build("smp_unetplusplus", backbone="Compact", decoder_filters=None, **arguments)
        return {layer.name for layer in model.layers if layer.name.endswith("_up")}

    assert nodes() == {"node0_4_up"} | {f"node{n}_{stage}_up" for stage in range(4) for n in range(stage + 1)}
    assert nodes(decoder_stride=4) == {f"node{n}_{stage}_up" for stage in range(3) for n in range(stage + 1)}


@pytest.mark.tensorflow_only
class TestConvert:
    @pytest.mark.parametrize(
        "key, arguments, message",
        [
            ("lraspp", {"output_stride": 32}, "output stride of torchvision's.*model=32.*output_stride=16"),
            ("lraspp", {"dilate_strided": False}, "lost their stride dilated.*dilate_strided=True"),
            ("deeplabv3_mobilenet", {"rates": None}, r"dilations of torchvision's.*rates=\(12, 24, 36\)"),
            ("smp_deeplabv3", {"dilate_strided": None}, "segmentation_models_pytorch.*dilate_strided=True"),
            ("smp_deeplabv3", {"normalize_image": False}, "average of the image.*normalize_image=True"),
            ("smp_upernet", {"normalize_image": False}, "average of the image.*normalize_image=True"),
            ("smp_pan", {"dilate_strided": None}, "segmentation_models_pytorch.*dilate_strided=True"),
            ("smp_unetplusplus", {"interpolation": "bilinear"}, "nearest pixel, as .*'s UnetPlusPlus.* with bilinear"),
            ("smp_manet", {"interpolation": "bilinear"}, "nearest pixel, as .*'s MAnet.* with bilinear.*nearest"),
        ],
    )
    def test_what_no_shape_shows(self, key, arguments, message):
        """Weights that would fit, in a net that computes something else with them, are refused at once."""
        shapes = json.loads(str(GOLDEN[f"{key}/shapes"]))
        with pytest.raises(ks.InputError, match=message) as caught:
            ks.models.convert(dict.fromkeys(shapes, np.zeros(0)), build(key, **arguments))
        assert "\n" not in str(caught.value)

    def test_other_classes(self):
        """Both layers of LR-ASPP's classes are kept, and a state dict that does not fit changes nothing."""
        state, model = state_of("lraspp"), build("lraspp", num_classes=5)
        before = {layer.name: layer.get_weights() for layer in model.layers}
        with pytest.raises(ks.InputError, match=r"scores of 5 classes.*they have 21.*head=False"):
            ks.models.convert(state, model)
        with pytest.raises(ks.InputError, match=r"lack 'classifier.scale.1.weight'"):
            missing = {key: value for key, value in state.items() if "scale" not in key}
            ks.models.convert(missing, model, head=False)
        assert np.array_equal(model.get_layer("deep_conv").get_weights()[0], before["deep_conv"][0])
        ks.models.convert(state, model, head=False)
        for name in ("deep_logits", "early_logits"):
            for ours, old in zip(model.get_layer(name).get_weights(), before[name], strict=True):
                np.testing.assert_array_equal(ours, old)
        kernel = model.get_layer("average_conv").get_weights()[0]
        np.testing.assert_array_equal(kernel[0, 0].T, state["classifier.scale.1.weight"][..., 0, 0])

    @pytest.mark.slow
    def test_weights_without_the_heads_for_training(self):
        """They keep their weights; those of other classes do too, and the one for borders is filled."""
        state, model = state_of("pidnet"), build("pidnet", num_classes=3, aux=True)
        layer = model.get_layer
        before = [layer(name).get_weights()[0] for name in ("aux_conv", "aux_logits")]
        bare = {key: value for key, value in state.items() if not key.startswith("seghead_")}
        with pytest.warns(UserWarning, match="no auxiliary heads: aux, aux_border of pidnet keep their weights"):
            ks.models.convert(bare, model, head=False)
        assert np.array_equal(layer("aux_conv").get_weights()[0], before[0])
        ks.models.convert(state, model, head=False)
        assert not np.array_equal(layer("aux_conv").get_weights()[0], before[0])
        assert np.array_equal(layer("aux_logits").get_weights()[0], before[1])
        kernel = layer("aux_border_logits").get_weights()[0]
        np.testing.assert_array_equal(kernel[0, 0].T, state["seghead_d.conv2.weight"][..., 0, 0])
        del state["seghead_p.conv1.weight"]
        with pytest.raises(ks.InputError, match=r"lack 'seghead_p.conv1.weight'"):
            ks.models.convert(state, model, head=False)

    @pytest.mark.parametrize("key, heads", [("smp_upernet", "aux"), ("smp_unetplusplus", "aux1, aux2, aux3")])
    def test_originals_without_heads_for_training(self, key, heads):
        """segmentation_models_pytorch has none: those of the model keep their weights, all others are filled."""
        model = build(key, aux=True)
        before = {layer.name: layer.get_weights() for layer in model.layers if layer.name.startswith("aux")}
        with pytest.warns(UserWarning, match=f"no auxiliary heads: {heads} of {model.name} keep their weights"):
            assert ks.models.convert(state_of(key), model) is model
        for name, weights in before.items():
            for ours, old in zip(model.get_layer(name).get_weights(), weights, strict=True):
                np.testing.assert_array_equal(ours, old)
        logits = keras.Model(model.inputs[0], model.get_layer("logits").output)
        check_scores(logits(image(*sizes_of(key)[0]), training=False), f"{key}/0")

    def test_images_that_the_original_normalizes_otherwise(self):
        """CoinCheung/BiSeNet has the constants of each data set: a model with ImageNet's is filled with a warning."""
        state = state_of("bisenetv2")
        with pytest.warns(UserWarning, match="bisenetv2 normalizes images by ImageNet.*include_preprocessing=False"):
            ks.models.convert(state, build("bisenetv2", include_preprocessing=True))
        model = build("bisenetv2")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            ks.models.convert(state, model)

    def test_dilations_that_weights_do_not_tell(self):
        """At stride 16, the default here is not that of segmentation_models_pytorch."""
        from keras_seg.models.parts.deeplabv3_names import note

        message = r"has dilations of \(6, 12, 18\).*decoder_atrous_rates.*rates=\(12, 24, 36\)"
        with pytest.warns(UserWarning, match=message):
            ks.models.convert(state_of("smp_deeplabv3"), build("smp_deeplabv3", output_stride=16))
        small = {"backbone": "Compact", "aspp_filters": 2, "dilate_strided": None, "output_stride": 16}
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            note(build("smp_deeplabv3", rates=(12, 24, 36), **small))

    def test_earlier_names_of_smp(self):
        from keras_seg.models.parts.deeplabv3_names import module_of

        keys = {"decoder.0.project.0.weight"}
        assert module_of("aspp_rate2_conv", keys) == "decoder.0.convs.2.0"
        assert (module_of("context_conv", keys), module_of("context_norm", keys)) == ("decoder.1", "decoder.2")

    def test_backbones_of_another_form(self):
        with pytest.raises(ks.InputError, match="must have a backbone in PyTorch's form"):
            ks.models.convert({"backbone.x": np.zeros(1)}, build("lraspp", backbone="Compact"))


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("key", [*QUICK, "smp_manet", "bisenetv2", "pidnet"])
def test_every_format(key, tmp_path):
    """Built-in operators only, at an odd size and, but for ONNX, at any size."""
    scores = ks.models.convert(state_of(key), build(key))
    # Random weights give scores of several hundred, whose rounding alone moves a probability by more than 0.001.
    largest = np.abs(scores.predict(np.random.default_rng(0).uniform(0, 255, (1, 75, 53, 3)), verbose=0)).max()
    logits = keras.layers.Rescaling(10 / largest)(scores.outputs[0])
    model = keras.Model(scores.inputs[0], keras.layers.Softmax()(logits))
    for size in ((75, 53), (None, None)):
        report = ks.export.tflite(model, tmp_path / "m.tflite", input_size=size, overwrite=True)
        assert report.max_abs_difference < 1e-3
        assert not any(operator.upper().startswith(("FLEX", "CUSTOM")) for operator in report.ops)
        assert ks.export.saved_model(model, tmp_path / str(size[0]), input_size=size).max_abs_difference < 1e-3
    assert ks.export.onnx(model, tmp_path / "m.onnx", input_size=(75, 53)).max_abs_difference < 1e-3


@pytest.mark.tensorflow_only
@pytest.mark.slow
def test_goldens_are_what_the_originals_compute(tmp_path, monkeypatch):
    packages = ("torchvision", "segmentation_models_pytorch", "ddrnet", "fast_scnn", "bisenetv2", "pidnet")
    check_again("golden_nets", GOLDEN, packages, tmp_path=tmp_path, monkeypatch=monkeypatch)
