"""SegFormer: equal to the original, whose numbers golden_segformer.py wrote; every way its weights come in."""

import json
import pathlib
import warnings

import keras
import numpy as np
import pytest
from goldens_again import check_again
from random_states import image, random_state, sample

import keras_seg as ks

pytestmark = pytest.mark.filterwarnings("ignore:The weights that NVIDIA published")

GOLDEN = np.load(pathlib.Path(__file__).with_name("golden_segformer.npz"))
CLASSES = 19
PARAMETERS = {
    "MiTB0": 3_719_027,
    "MiTB1": 13_682_131,
    "MiTB2": 27_361_235,
    "MiTB3": 47_237_075,
    "MiTB4": 64_007_635,
    "MiTB5": 84_607_955,
}


def build(name="MiTB0", **arguments):
    arguments = {"num_classes": CLASSES, "activation": None, "include_preprocessing": False, **arguments}
    return ks.models.SegFormer(backbone=name, **arguments)


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def scores(model, pixels):
    """Those of the model, without compiling it."""
    return numpy(model(pixels, training=False))


def assert_same(model, other):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def state_of(name):
    """A random state dict with the keys of the original in memory."""
    return random_state(json.loads(str(GOLDEN[f"{name}/shapes"])))


class Module:
    """As PyTorch's, whose text has many lines."""

    def state_dict(self):
        return {}

    def __repr__(self):
        return "Module(\n" + 1000 * "  (conv): Conv2d\n" + ")"


@pytest.fixture(scope="module")
def state():
    return state_of("MiTB0")


@pytest.fixture(scope="module")
def filled(state):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ks.models.convert(state, build())


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n > "MiTB0" else ()) for n in PARAMETERS])
def test_scores_equal_the_original(name, request):
    """At an even and an odd size, without padding."""
    model = request.getfixturevalue("filled") if name == "MiTB0" else ks.models.convert(state_of(name), build(name))
    for height, width in ((64, 96), (75, 53)):
        found, expected = scores(model, image(height, width)), GOLDEN[f"{name}/{height}"]
        assert found.shape == (1, height, width, CLASSES)
        assert expected.std() > 0.5
        np.testing.assert_allclose(sample(found), expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.tensorflow_only
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n > "MiTB1" else ()) for n in PARAMETERS])
def test_parameter_counts(name):
    model = build(name)
    assert sum(int(np.prod(weight.shape)) for weight in model.trainable_weights) == PARAMETERS[name]
    assert PARAMETERS[name] == GOLDEN[f"{name}/parameters"]


@pytest.mark.tensorflow_only
def test_two_epsilons(filled):
    """Scores of random weights hardly tell them apart; trained ones have maps of less variance."""
    found = {
        layer.name: layer.epsilon
        for layer in filled.get_layer("backbone").layers
        if isinstance(layer, keras.layers.LayerNormalization)
    }
    assert {name for name, epsilon in found.items() if epsilon == 1e-5} == {
        name for name in found if name.endswith(("embed_norm", "reduce_norm"))
    }
    assert set(found.values()) == {1e-5, 1e-6}
    assert len(found) == 4 + 2 * 8 + 6 + 4
    assert filled.get_layer("fuse_norm").epsilon == 1e-5


@pytest.mark.tensorflow_only
def test_stochastic_depth_grows_with_depth():
    rates = [layer.rate for layer in build("MiTB0").get_layer("backbone").layers if "drop_path" in layer.name]
    np.testing.assert_allclose(rates, np.repeat(np.linspace(0, 0.1, 8)[1:], 2))


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("size", [(20, 53), *(pytest.param(s, marks=pytest.mark.thorough) for s in ((1, 1), (28, 99)))])
def test_images_smaller_than_the_first_reduction(filled, size):
    """Under 29 pixels per side, where the original fails; compiled for unknown sizes too, which check nothing."""
    pixels = image(*size)
    expected = scores(filled, pixels)
    assert expected.shape == (1, *size, CLASSES)
    assert np.isfinite(expected).all()
    if keras.backend.backend() != "tensorflow":
        return
    import tensorflow as tf

    compiled = tf.function(filled, input_signature=[tf.TensorSpec((None, None, None, 3))])
    np.testing.assert_allclose(numpy(compiled(pixels)), expected, atol=1e-4)


@pytest.mark.slow_off_tensorflow
def test_any_size_and_static_sizes_agree(state, filled):
    static = ks.models.convert(state, build(input_shape=(75, 53, 3)))
    np.testing.assert_allclose(scores(static, image(75, 53)), scores(filled, image(75, 53)), atol=1e-4)
    assert static.output_shape == (None, 75, 53, CLASSES)


@pytest.mark.tensorflow_only
class TestConvert:
    def test_names_in_files(self, state, filled):
        """transformers has other names in memory than in its files."""
        names = json.loads(str(GOLDEN["names/files"]))
        stored = {key: state[other] for key, other in names.items()}
        assert "segformer.encoder.block.0.0.attention.self.query.weight" in stored
        assert_same(ks.models.convert(stored, build()), filled)

    def test_names_of_the_authors(self, state, filled):
        """The first form of the names, which the others come from: keys and values are one layer."""
        assert_same(ks.models.convert({"state_dict": authors(state)}, build()), filled)

    def test_names_of_smp(self):
        """Its decoder begins with the coarsest map."""
        shapes = json.loads(str(GOLDEN["names/smp"]))
        state = random_state(shapes)
        model = ks.models.convert(state, build())
        kernel = model.get_layer("fuse").projections[0].get_weights()[0]
        np.testing.assert_array_equal(kernel[0, 0].T, state["decoder.mlp_stage.0.linear.weight"])
        kernel = model.get_layer("logits").get_weights()[0]
        np.testing.assert_array_equal(kernel[0, 0].T, state["segmentation_head.0.weight"][..., 0, 0])

    def test_files(self, state, filled, tmp_path):
        torch = pytest.importorskip("torch")
        torch.save({key: torch.tensor(value) for key, value in state.items()}, tmp_path / "s.pth")
        assert_same(ks.models.convert(tmp_path / "s.pth", build()), filled)

    def test_the_backbone_alone(self, state, filled):
        """`weights=` takes the encoder of any of them."""
        encoder = {key.removeprefix("segformer."): value for key, value in state.items() if "decode_head" not in key}
        for weights in (state, encoder, authors(state)):
            model = build(weights=weights)
            assert_same(model.get_layer("backbone"), filled.get_layer("backbone"))

    def test_other_classes(self, state, filled):
        model = build(num_classes=5)
        before = model.get_layer("logits").get_weights()
        with pytest.raises(ks.InputError, match=r"scores of 5 classes.*they have 19.*head=False") as caught:
            ks.models.convert(state, model)
        assert "\n" not in str(caught.value)
        assert ks.models.convert(state, model, head=False) is model
        for ours, kept in zip(model.get_layer("logits").get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, kept)
        assert_same(model.get_layer("fuse_norm"), filled.get_layer("fuse_norm"))

    def test_the_license_is_told(self, state):
        with pytest.warns(UserWarning, match="non-commercial use only"):
            ks.models.convert(state, build())
        with pytest.warns(UserWarning, match="non-commercial use only"):
            build(weights=state)

    def test_own_weights_are_free(self, filled, tmp_path):
        filled.get_layer("backbone").save_weights(tmp_path / "own.weights.h5")
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            build(weights=tmp_path / "own.weights.h5")

    def test_what_does_not_fit(self, state, tmp_path):
        model = build()
        before = model.get_weights()
        encoder = {key: value for key, value in state.items() if "decode_head" not in key}
        fuse = "decode_head.linear_fuse.weight"
        (tmp_path / "own.weights.h5").touch()
        for weights, message in (
            (encoder, "must hold a backbone and a decoder"),
            ({key: value for key, value in state.items() if key not in encoder}, "must hold a backbone and a decoder"),
            ({key: value for key, value in state.items() if key != fuse}, f"lack '{fuse}'"),
            (state | {fuse: np.zeros((768, 3072, 1, 1))}, f"have '{fuse}' of shape (768, 3072, 1, 1)"),
            (state | {"decode_head.more.weight": np.zeros(3)}, "hold 'decode_head.more.weight'"),
            (state | {"segformer.stages.0.more.weight": np.zeros(3)}, "hold 'stages.0.more.weight'"),
            (state_of("MiTB2"), "do not fit MiTB0: they have 'stages.0.patch_embeddings.proj.weight' of shape (64,"),
            (tmp_path / "own.weights.h5", "must be a .safetensors"),
            (tmp_path / "nowhere.pth", "names no existing file"),
            ("imagenet", "names no existing file. Received: weights='imagenet'. Pass a state dict, or the path of a"),
            (tmp_path, "names a folder, not a file"),
            (3, "must be a state dict or a path"),
            (Module(), "Module'>. Pass its state_dict()."),
        ):
            with pytest.raises(ks.InputError) as caught:
                ks.models.convert(weights, model)
            assert message in str(caught.value)
            assert "\n" not in str(caught.value)
            for ours, kept in zip(model.get_weights(), before, strict=True):  # nothing is loaded in part
                np.testing.assert_array_equal(ours, kept)

    def test_other_models(self, state):
        for model in (build("Compact"), ks.models.UNet(num_classes=2, filters=2, depth=1)):
            with pytest.raises(ks.InputError, match="`model` must .*SegFormer"):
                ks.models.convert(state, model)
        with pytest.raises(ks.InputError, match=r"`model` must be a keras\.Model"):
            ks.models.convert(state, "MiTB0")


def authors(state):
    """The same weights under the names of the authors' code, with the layer of it that nothing calls."""
    renamed = {"decode_head.conv_seg.weight": np.zeros((CLASSES, 256, 1, 1)), "decode_head.conv_seg.bias": np.zeros(19)}
    joined = {}
    for key, value in state.items():
        parts = key.split(".")
        if parts[0] == "decode_head":
            key = key.replace("linear_fuse", "linear_fuse.conv").replace("batch_norm", "linear_fuse.bn")
            key = key.replace("classifier", "linear_pred")
            if parts[1] == "linear_projections":
                key = f"decode_head.linear_c{int(parts[2]) + 1}.proj.{parts[-1]}"
            renamed[key] = value
            continue
        stage = int(parts[2]) + 1
        if parts[3] == "patch_embeddings":
            renamed[f"backbone.patch_embed{stage}.{'proj' if parts[4] == 'proj' else 'norm'}.{parts[-1]}"] = value
        elif parts[3] == "layer_norm":
            renamed[f"backbone.norm{stage}.{parts[-1]}"] = value
        else:
            inner = ".".join(parts[5:])
            for theirs, original in (
                ("layernorm_before", "norm1"),
                ("layernorm_after", "norm2"),
                ("attention.sequence_reduction.sequence_reduction", "attn.sr"),
                ("attention.sequence_reduction.layer_norm", "attn.norm"),
                ("attention.q_proj", "attn.q"),
                ("attention.o_proj", "attn.proj"),
            ):
                inner = inner.replace(theirs, original)
            key = f"backbone.block{stage}.{parts[4]}.{inner}"
            renamed[key] = value
            for number, half in enumerate(("k_proj", "v_proj")):
                if half in key:
                    del renamed[key]
                    joined.setdefault(key.replace(f"attention.{half}", "attn.kv"), [None, None])[number] = value
    return renamed | {key: np.concatenate(halves) for key, halves in joined.items()}


@pytest.mark.tensorflow_only
def test_the_whole_image_is_seen():
    """And no path is misaligned: attention has no center."""
    field = ks.analysis.receptive_field(build())
    assert field.size == np.inf and field.stride == 1 and field.aligned
    assert ks.analysis.shift_stride(build()) == (32, 32)


@pytest.mark.tensorflow_only
def test_weights_that_are_not_downloaded():
    with pytest.raises(ks.InputError, match=r"their license limits their use.*nvidia/mit-b0/resolve") as caught:
        build(weights="imagenet")
    assert "\n" not in str(caught.value)


@pytest.mark.tensorflow_only
@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"num_classes": 0}, "`num_classes` must be an integer of at least 1"),
        ({"filters": 0}, "`filters` must be an integer of at least 1"),
        ({"dropout": 1.0}, "`dropout` must be a finite number in"),
        ({"backbone": "MitB0"}, "Did you mean 'MiTB0'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ks.InputError, match=message) as caught:
        ks.models.build("SegFormer", **{"num_classes": 3, **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.slow_off_tensorflow
@pytest.mark.usefixtures("policy")
def test_a_training_step_moves_every_kernel():
    model = build(activation="softmax", include_preprocessing=True, num_classes=3)
    assert keras.backend.standardize_dtype(model.output.dtype) == "float32"
    model.compile("adamw", loss=ks.losses.Crossentropy(ignore_class=255))
    labels = np.random.default_rng(1).choice([0, 1, 2, 255], size=(2, 64, 64))
    pixels = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    before = model.get_weights()
    assert np.isfinite(model.train_on_batch(pixels, labels))
    for weight, old, new in zip(model.weights, before, model.get_weights(), strict=True):
        assert np.isfinite(new).all(), weight.path
        assert old.ndim != 4 or not np.array_equal(old, new), weight.path


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_saves_and_reloads(filled, tmp_path):
    filled.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(scores(reloaded, image(40, 50)), scores(filled, image(40, 50)), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
@pytest.mark.tensorflow_only
@pytest.mark.parametrize("size", [(75, 53), (None, None)])
@pytest.mark.parametrize("export, file", [("tflite", "m.tflite"), ("saved_model", "m"), ("onnx", "m.onnx")])
def test_exports(filled, export, file, size, tmp_path):
    """Built-in operators only, at a fixed and odd size and at any size."""
    if export == "onnx":
        pytest.importorskip("tf2onnx")
    model = keras.Model(filled.inputs[0], keras.layers.Softmax()(filled.outputs[0]))
    report = getattr(ks.export, export)(model, tmp_path / file, input_size=size)
    assert report.max_abs_difference < 1e-4
    if export == "tflite":
        assert {"GELU", "BATCH_MATMUL"} <= set(report.ops)
        assert not any(op.upper().startswith(("FLEX", "CUSTOM")) for op in report.ops)


@pytest.mark.tensorflow_only
@pytest.mark.slow
def test_goldens_are_what_the_original_computes(tmp_path, monkeypatch):
    packages = ("transformers", "segmentation_models_pytorch")
    check_again("golden_segformer", GOLDEN, packages, tmp_path=tmp_path, monkeypatch=monkeypatch)
