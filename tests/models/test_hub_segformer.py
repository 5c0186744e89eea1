"""SegFormers of keras-hub: the model, its presets and its files, all with random weights and made on the spot."""

import json

import keras
import numpy as np
import pytest
from random_states import image

import keras_seg as ks
from keras_seg.models.parts.hub_source import names_hub_preset

pytestmark = [
    pytest.mark.tensorflow_only,
    pytest.mark.filterwarnings("ignore:The weights that NVIDIA published"),
]
CLASSES, SIDE = 7, 64
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
NORMALIZATION = {"scale": (1 / 255 / DEVIATION).tolist(), "offset": (-MEAN / DEVIATION).tolist()}


def hub_segformer(side=SIDE, *, classes=CLASSES, heads=(1, 2, 5, 8), filters=256, normalization=NORMALIZATION):
    hub = pytest.importorskip("keras_hub")
    encoder = hub.models.MiTBackbone(
        layerwise_depths=[2, 2, 2, 2],
        num_layers=4,
        layerwise_num_heads=list(heads),
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
        image_shape=(side, side, 3),
        hidden_dims=[32, 64, 160, 256],
    )
    decoder = hub.models.SegFormerBackbone(encoder, projection_filters=filters)
    preprocessor = None
    if normalization is not None:
        converter = hub.layers.SegFormerImageConverter(image_size=(side, side), **normalization)
        preprocessor = hub.models.SegFormerImageSegmenterPreprocessor(converter)
    model = hub.models.SegFormerImageSegmenter(decoder, num_classes=classes, preprocessor=preprocessor)
    rng = np.random.default_rng(0)
    for weight in model.weights:
        if "seed" not in weight.path:
            deviation = np.sqrt(1 / max(1, np.prod(weight.shape[:-1]))) if len(weight.shape) > 1 else 0.1
            weight.assign(rng.normal("gamma" in weight.path or "variance" in weight.path, deviation, weight.shape) ** (
                2 if "variance" in weight.path else 1))  # fmt: skip
    return model


@pytest.fixture(scope="module")
def theirs():
    return hub_segformer()


@pytest.fixture(scope="module")
def preset(theirs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "my_preset"
    theirs.save_to_preset(str(folder))
    return folder


@pytest.fixture
def _exact(monkeypatch):
    """Their code with the exact GELU: scores differ by a thousandth without."""
    monkeypatch.setattr("keras_hub.src.models.mit.mit_layers.ops.nn.gelu", keras.activations.gelu)


def build(**arguments):
    given = {"num_classes": CLASSES, "activation": None, "include_preprocessing": False, **arguments}
    return ks.models.SegFormer(backbone="MiTB0", **given)


def numpy(tensor):
    return np.asarray(keras.ops.convert_to_numpy(tensor))


def assert_same(model, other):
    for ours, expected in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, expected)


def refused(message, call, *arguments, **keywords):
    with pytest.raises(ks.InputError) as caught:
        call(*arguments, **keywords)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("side", [64, 96])
def test_scores_equal_the_original(side):
    theirs = hub_segformer(side)
    model = ks.models.convert(theirs, build())
    pixels = image(side, side)
    expected = numpy(theirs(pixels, training=False))
    assert expected.std() > 0.1
    found = numpy(model(pixels, training=False))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * max(1, np.abs(expected).max()))


@pytest.mark.slow
@pytest.mark.usefixtures("_exact")
@pytest.mark.parametrize("form", ["object", "folder", "hub:"])
def test_load_pretrained_equals_the_original(theirs, preset, form):
    """Raw images: the preset's normalization, the same scores, and the classes that they give."""
    source = {"object": theirs, "folder": preset, "hub:": f"hub:{preset}"}[form]
    model = ks.models.load_pretrained(source)
    assert model.get_layer("backbone").name == "backbone" and model.output_shape == (None, None, None, CLASSES)
    pixels = np.random.default_rng(1).uniform(0, 255, (1, SIDE, SIDE, 3)).astype("float32")
    normalized = pixels * np.array(NORMALIZATION["scale"]) + np.array(NORMALIZATION["offset"])
    expected = numpy(theirs(normalized.astype("float32"), training=False))
    logits = numpy(keras.Model(model.inputs[0], model.get_layer("logits").output)(pixels, training=False))
    # Called without training=False, keras-hub's model trains its statistics: one of its layers is called with True.
    quarter = numpy(keras.Model(theirs.inputs[0], theirs.output_segmentation_head.output)(normalized, training=False))
    np.testing.assert_allclose(logits, quarter, rtol=0, atol=1e-4 * max(1, np.abs(quarter).max()))
    softmax = numpy(keras.ops.softmax(expected))
    np.testing.assert_allclose(numpy(model(pixels, training=False)), softmax, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_every_form_gives_the_same_weights(theirs, preset, tmp_path):
    expected = ks.models.convert(theirs, build())
    theirs.save_weights(tmp_path / "own.weights.h5")
    for weights in (preset, str(preset), f"hub:{preset}", tmp_path / "own.weights.h5"):
        assert_same(ks.models.convert(weights, build()), expected)


def test_a_file_with_other_classes(theirs, tmp_path):
    """Their number is read from the file: the error names it, and all but the classes are filled on request."""
    path = tmp_path / "own.weights.h5"
    theirs.save_weights(path)
    model = build(num_classes=5)
    before = model.get_layer("logits").get_weights()
    refused("must have scores of 5 classes, as the model; they have 7", ks.models.convert, path, model)
    ks.models.convert(path, model, head=False)
    assert_same(model.get_layer("fuse_norm"), theirs.backbone.linear_fuse.layers[1])
    for ours, old in zip(model.get_layer("logits").get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, old)


@pytest.mark.slow
def test_a_backbone_without_classes(theirs, tmp_path):
    """All but the classes, of the object, its folder and the file in it."""
    expected = ks.models.convert(theirs, build())
    theirs.backbone.save_to_preset(str(tmp_path / "preset"))
    for weights in (theirs.backbone, tmp_path / "preset", tmp_path / "preset" / "model.weights.h5"):
        model = build()
        before = model.get_layer("logits").get_weights()
        refused("must have scores of classes", ks.models.convert, weights, model)
        ks.models.convert(weights, model, head=False)
        np.testing.assert_array_equal(model.get_layer("logits").get_weights()[0], before[0])
        assert_same(model.get_layer("backbone"), expected.get_layer("backbone"))
        assert_same(model.get_layer("fuse"), expected.get_layer("fuse"))
    refused("`num_classes` must be given", ks.models.load_pretrained, theirs.backbone)
    with pytest.warns(UserWarning, match="has no classes: logits gets initial weights for 3"):
        model = ks.models.load_pretrained(theirs.backbone, num_classes=3)
    assert model.output_shape[-1] == 3
    assert_same(model.get_layer("fuse"), expected.get_layer("fuse"))


def test_other_classes(theirs):
    refused("scores of 5 classes", ks.models.convert, theirs, build(num_classes=5))
    with pytest.warns(UserWarning, match="scores 7 classes: logits gets initial weights for 3"):
        model = ks.models.load_pretrained(theirs, num_classes=3)
    assert model.output_shape[-1] == 3


def test_another_decoder_and_no_normalization():
    """keras-hub's presets of large encoders have the narrow decoder."""
    theirs = hub_segformer(classes=1, filters=32, normalization=None)
    refused("do not fit", ks.models.convert, theirs, build(num_classes=1))
    with pytest.warns(UserWarning, match="has no normalization"):
        model = ks.models.load_pretrained(theirs)
    assert model.get_layer("fuse").filters == 32
    assert keras.activations.serialize(model.layers[-1].activation) == "sigmoid"


def test_other_normalizations():
    refused("must normalize images as", ks.models.load_pretrained, hub_segformer(normalization={"scale": 1 / 100}))


def test_heads_that_no_weight_shows():
    theirs = hub_segformer(heads=(1, 2, 5, 4))
    for call, more in ((ks.models.convert, (build(),)), (ks.models.load_pretrained, ())):
        refused("layerwise_num_heads=[1, 2, 5, 4]", call, theirs, *more)
        refused("must be of a SegFormer on one of MiTB0", call, theirs, *more)


def test_what_cannot_be_read(preset, tmp_path):
    model = build()
    refused("must not be a model of Keras, except for that of keras-hub", ks.models.convert, model, model)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}")
    (tmp_path / "broken" / "model.weights.h5").touch()
    for call, more in ((ks.models.convert, (model,)), (ks.models.load_pretrained, ())):
        refused("names a preset that keras-hub cannot load (", call, tmp_path / "broken", *more)
        refused("Did you mean 'hub:segformer_b0_ade20k_512'", call, "hub:segformer_b0_ade20k_51", *more)
        refused("Pass 'hub:segformer_b0_ade20k_512'.", call, "segformer_b0_ade20k_512", *more)
        refused("Pass 'hub:kaggle://keras/segformer'.", call, "kaggle://keras/segformer", *more)
    assert names_hub_preset(preset) and not names_hub_preset(tmp_path) and not names_hub_preset("model.pth")


@pytest.mark.slow
def test_files_of_other_models(theirs, preset, tmp_path):
    model = build()
    model.save_weights(tmp_path / "ours.weights.h5")
    (tmp_path / "text.weights.h5").write_text("no HDF5")
    # The file of the task in a preset holds the classes alone.
    for file in (tmp_path / "ours.weights.h5", preset / "task.weights.h5", tmp_path / "text.weights.h5"):
        refused("call model.load_weights; of a preset, pass the folder", ks.models.convert, file, model)
    theirs.save_weights(tmp_path / "wide.weights.h5")
    message = "'decode_head.linear_c.3.proj.weight' of shape (256, 256)"
    refused(message, ks.models.convert, tmp_path / "wide.weights.h5", build(filters=32))


def test_without_a_network(monkeypatch):
    """The error says what failed, in one line."""
    hub = pytest.importorskip("keras_hub")

    def fail(preset):
        raise ConnectionError(f"no address of api.kaggle.com\nfor {preset}")

    monkeypatch.setattr(hub.models.SegFormerImageSegmenter, "from_preset", fail)
    message = "(ConnectionError: no address of api.kaggle.com for segformer_b0_ade20k_512)"
    refused(message, ks.models.convert, "hub:segformer_b0_ade20k_512", build())
    refused(message, ks.models.load_pretrained, "hub:segformer_b0_ade20k_512")


def test_a_preset_is_what_keras_hub_writes(preset):
    """The files by which a folder is recognized."""
    assert json.loads((preset / "config.json").read_text())["class_name"] == "SegFormerBackbone"
    assert (preset / "task.json").is_file() and (preset / "model.weights.h5").is_file()
