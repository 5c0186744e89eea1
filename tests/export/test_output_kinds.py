"""An exported file calls its numbers what they are, and cuts a single channel where their kind is cut."""

import io
import json
import zipfile

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.export.score_map import score_map
from keras_seg.export.tflite import tflite_format

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on the TensorFlow backend", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
SIZE = (32, 40)


def model_of(channels=2, activation=None):
    """A convolution whose scores lie around 0, with and without an activation."""
    keras.utils.set_random_seed(1)
    image = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(channels, 3, padding="same", name="head")(image / 255)
    model = keras.Model(image, keras.layers.Activation(activation)(x) if activation else x)
    kernel, bias = model.get_layer("head").get_weights()
    middle = np.median(keras.Model(image, x).predict(noise(), verbose=0), axis=(0, 1, 2))
    model.get_layer("head").set_weights([kernel, bias - middle])
    return model


def noise(count=2):
    return np.random.default_rng(0).uniform(0, 255, (count, *SIZE, 3)).round().astype("float32")


def described(path):
    return json.loads(zipfile.ZipFile(io.BytesIO(path.read_bytes())).read("keras_seg.json"))


@pytest.mark.parametrize(
    "activation, channels, name",
    [(None, 2, "logits"), ("softmax", 2, "probabilities"), ("sigmoid", 1, "probabilities"), ("tanh", 2, "scores")],
)
def test_a_file_names_its_numbers(activation, channels, name, tmp_path):
    from ai_edge_litert.interpreter import Interpreter

    model = model_of(channels, activation)
    assert score_map(model).name == name
    report = ks.export.tflite(model, tmp_path / "m.tflite", output="both")
    assert report.outputs == (name, "class_ids")
    assert f"Output        {name} and class_ids" in str(report)
    run = Interpreter(str(tmp_path / "m.tflite")).get_signature_runner()
    assert sorted(run.get_output_details()) == sorted((name, "class_ids"))
    content = (tmp_path / "m.tflite").read_bytes().lower()
    assert (b"probabilit" in content) == (name == "probabilities")
    assert list(described(tmp_path / "m.tflite")["outputs"]) == [name, "class_ids"]


@pytest.mark.parametrize("format_", ["tflite", "saved_model"])
@pytest.mark.parametrize("activation, threshold", [(None, 0.0), ("sigmoid", 0.5)])
def test_where_one_channel_is_cut(format_, activation, threshold, tmp_path):
    """The logit 0 is the probability 0.5: the same weights give the same classes, with and without the sigmoid."""
    images, logits = noise(), model_of(1)
    masks = (logits.predict(images, verbose=0)[..., 0] > 0).astype("int32")
    assert 0.2 < masks.mean() < 0.8
    assert ((logits.predict(images, verbose=0)[..., 0] > 0.5) != masks).mean() > 0.1
    report = getattr(ks.export, format_)(
        model_of(1, activation), tmp_path / "m", output="class_ids", images=images, masks=masks
    )
    assert report.agreement == report.mean_iou == report.keras_mean_iou == 1.0
    path = tmp_path / "m.json"
    about = json.loads(path.read_text()) if path.exists() else described(tmp_path / "m")
    assert about["threshold"] == threshold


def test_one_channel_that_may_be_anything(tmp_path):
    """Neither 0.5 nor 0 is known to part the classes; the scores themselves are exported."""
    with pytest.raises(InputError, match="`model` must show whether its single channel is a probability.*sigmoid"):
        ks.export.saved_model(model_of(1, "tanh"), tmp_path / "m", output="class_ids")
    assert not list(tmp_path.iterdir())
    assert ks.export.saved_model(model_of(1, "tanh"), tmp_path / "m").outputs == ("scores",)


def test_a_claim_of_probabilities(tmp_path):
    """It is refused for logits, and names the numbers of a model that does not show what they are."""
    with pytest.raises(InputError, match="`output` must not call logits probabilities.*softmax or sigmoid") as caught:
        ks.export.saved_model(model_of(), tmp_path / "m", output="probabilities")
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())
    report = ks.export.saved_model(model_of(2, "tanh"), tmp_path / "m", output="probabilities")
    assert report.outputs == ("probabilities",)


def test_several_outputs(tmp_path):
    image = keras.Input((*SIZE, 3))
    maps = [keras.layers.Conv2D(2, 1, activation="softmax")(image / 255) for _ in range(2)]
    for outputs in (maps, tuple(maps), {"probabilities": maps[0], "edge": maps[1]}):
        model = keras.Model(image, outputs)
        for refuse in (ks.export.saved_model, ks.export.write_reference):
            with pytest.raises(InputError, match=r"`model` must have one output.*Pass a model of one") as caught:
                refuse(model, tmp_path / "m")
            assert "\n" not in str(caught.value)
    for number, output in enumerate(({"one": maps[0]}, [maps[0]])):
        report = ks.export.saved_model(keras.Model(image, output), tmp_path / f"m{number}", output="both")
        assert report.outputs == ("probabilities", "class_ids")


@pytest.mark.parametrize("output", ["scores", "class_ids"])
def test_nan_is_an_error(output, tmp_path):
    """Two arrays of NaN have the same classes, and agree on nothing."""
    model = model_of(2, "softmax")
    model.set_weights([weight * np.nan for weight in model.get_weights()])
    with pytest.raises(InputError, match="The probabilities of `model` must be finite. Received: NaN"):
        ks.export.saved_model(model, tmp_path / "m", output=output)
    with pytest.raises(InputError, match="The probabilities of `model` must be finite"):
        ks.export.write_reference(model, tmp_path / "m.npz")
    assert not list(tmp_path.iterdir())


def test_a_file_that_gives_nan(tmp_path, monkeypatch):
    monkeypatch.setattr(tflite_format, "_in_floats", lambda values, details: values * np.nan)
    with pytest.raises(InputError, match="m.tflite was not written: its logits must be finite.*another `quantize`"):
        ks.export.tflite(model_of(), tmp_path / "m.tflite", quantize="float16")
    assert not list(tmp_path.iterdir())


def test_the_label_of_a_single_channel(tmp_path):
    """MediaPipe pairs labels with channels: the one mask is that of class 1."""
    mediapipe = pytest.importorskip("mediapipe")
    from mediapipe.tasks.python import BaseOptions, vision

    model = model_of(1, "sigmoid")
    ks.export.tflite(model, tmp_path / "m.tflite", class_names=["background", "crack"])
    image = noise(1).astype("uint8")
    options = vision.ImageSegmenterOptions(
        base_options=BaseOptions(model_asset_path=str(tmp_path / "m.tflite")), output_confidence_masks=True
    )
    with vision.ImageSegmenter.create_from_options(options) as segmenter:
        assert segmenter.labels == ["crack"]
        found = segmenter.segment(mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=image[0]))
        masks = [np.squeeze(mask.numpy_view()).copy() for mask in found.confidence_masks]
    expected = model.predict(image.astype("float32"), verbose=0)[0, ..., 0]
    assert len(masks) == 1
    np.testing.assert_allclose(masks[0], expected, atol=0.005)
