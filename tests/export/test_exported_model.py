"""Exported files in place of the model they were made from: in Python, and in place of a run."""

import json
import os
import pathlib
import shutil

import keras
import made_data
import numpy as np
import pytest
from PIL import Image
from shell import command, refusal

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.inference.output_kind import last_activation, output_kind
from keras_seg.inference.tiling.run_journal import model_mark
from keras_seg.training.open_model import open_model

pytestmark = pytest.mark.tensorflow_only

SIZE = (48, 56)
NAMES = {"tflite": "model.tflite", "onnx": "model.onnx", "saved_model": "saved_model", "openvino": "model.xml"}
# Of the formats with a description beside the file, one in every CI.
FORMATS = ["tflite", "onnx", *(pytest.param(name, marks=pytest.mark.slow) for name in ("saved_model", "openvino"))]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=6, val=2, image_size=SIZE)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    """One whose predictions are postprocessed: a file must be so too."""
    chosen = ks.inference.Postprocessing(min_sizes={0: 9, 1: 9}).to_dict()
    path = tmp_path_factory.mktemp("runs") / "run"
    return made_data.untrained(path, *made_data.scanned(data), decoding={"postprocessing": {"chosen": chosen}})


@pytest.fixture(scope="module")
def exported(run):
    """A function that exports the run once to a format; returns the path of the file."""

    def export(format_, *options, name=None):
        path = run.path / (name or NAMES[format_])
        if not path.exists():
            assert command("export", run.path, "--format", format_, "--out", path, *options) == 0
        return path

    return export


@pytest.fixture(scope="module")
def images(data):
    index = ks.data.scan_folder(data, split="val")
    return np.stack([ks.data.read_image(pair.image) for pair in index.pairs]).astype("float32")


@pytest.mark.parametrize("format_", FORMATS)
def test_a_file_says_what_its_run_says(run, data, exported, tmp_path, capsys, format_):
    path = exported(format_)
    assert command("evaluate", path, data, "--json", tmp_path / "file.json") == 0
    capsys.readouterr()
    found, expected = json.loads((tmp_path / "file.json").read_text()), run.load_metrics()
    assert found["mean_iou"] == pytest.approx(expected["mean_iou"], abs=1e-3)
    assert found["iou"].keys() == expected["iou"].keys()
    image = sorted((data / "val" / "images").iterdir())[0]
    for source, out in ((path, tmp_path / "file"), (run.path, tmp_path / "run")):
        assert command("predict", source, image, "--out", out) == 0
    one, other = (np.asarray(Image.open(tmp_path / name / "masks" / f"{image.stem}.png")) for name in ("file", "run"))
    assert (one == other).mean() > 0.99
    assert (tmp_path / "file" / "areas.csv").exists()
    # The images that were trained on are recognized, wherever the file lies.
    assert command("evaluate", path, data, "--split", "train") == 0
    assert "was trained on these images" in " ".join(capsys.readouterr().out.split())


def test_a_loaded_file_is_a_model(run, exported, images):
    path = exported("onnx")
    loaded, model = ks.export.load(path), run.load_model()
    expected = model.predict(images, verbose=0)
    for found in (loaded.predict_on_batch(images), loaded.predict(images, batch_size=1, verbose=0), loaded(images)):
        np.testing.assert_allclose(np.asarray(found), expected, atol=1e-3)
    assert output_kind(loaded) == output_kind(model) == "probabilities"
    assert (loaded.size, loaded.channels, loaded.gives_scores) == ((None, None), 3, True)
    assert ks.analysis.shift_stride(loaded) == ks.analysis.shift_stride(model)
    tiles = [ks.inference.TiledPredictor(one, (32, 32)).predict(images[0]) for one in (loaded, model)]
    np.testing.assert_allclose(*tiles, atol=1e-3)
    flipped = [ks.inference.TestTimeAugmentation(one, "hflip").predict(images, verbose=0) for one in (loaded, model)]
    np.testing.assert_allclose(*flipped, atol=1e-3)


def test_classes_that_do_not_exclude_one_another(tmp_path):
    """The views of a multi-label file are merged as those of its model are, and an ensemble takes both."""
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(3, 3, padding="same", activation="sigmoid")(image / 255.0))
    ks.export.onnx(model, tmp_path / "m.onnx")
    loaded = ks.export.load(tmp_path / "m.onnx")
    assert last_activation(loaded.outputs[0]) == "sigmoid"
    images = np.random.default_rng(0).uniform(0, 255, (2, 20, 24, 3)).astype("float32")
    for options in ({"merge": "max"}, {"merge": "geometric_mean"}, {"uncertainty": "entropy"}):
        parts = [ks.inference.TestTimeAugmentation(one, "hflip", **options) for one in (loaded, model)]
        for found, expected in zip(*(keras.tree.flatten(one.predict(images, verbose=0)) for one in parts), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-5)
    ensemble = ks.inference.Ensemble([model, loaded])
    np.testing.assert_allclose(ensemble.predict(images, verbose=0), model.predict(images, verbose=0), atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "activation", "options", "expected"),
    [
        (2, "sigmoid", {"output": "class_ids"}, "softmax"),  # Class ids exclude one another.
        (1, "sigmoid", {}, "sigmoid"),
        (2, "softmax", {}, "softmax"),
        (2, None, {}, "logits"),
        (2, "tanh", {}, None),
        (2, "exponential", {"output": "probabilities"}, "softmax"),  # A claim.
    ],
)
def test_the_last_activation_of_a_file(channels, activation, options, expected, tmp_path):
    image = keras.Input((16, 24, 3))
    scores = keras.layers.Conv2D(channels, 1)(image / 255.0)
    ks.export.onnx(keras.Model(image, keras.layers.Activation(activation)(scores)), tmp_path / "m.onnx", **options)
    assert last_activation(ks.export.load(tmp_path / "m.onnx").outputs[0]) == expected


def test_the_last_activation_of_a_file_of_an_earlier_version(tmp_path):
    """Its description does not name it."""
    image = keras.Input((16, 24, 3))
    scores = keras.layers.Conv2D(2, 1, activation="sigmoid")(image / 255.0)
    ks.export.onnx(keras.Model(image, scores), tmp_path / "m.onnx")
    beside = tmp_path / "m.onnx.json"
    description = json.loads(beside.read_text())
    assert description.pop("activation") == "sigmoid"
    beside.write_text(json.dumps(description))
    assert last_activation(ks.export.load(tmp_path / "m.onnx").outputs[0]) == "softmax"


def test_a_raster_goes_on_with_the_same_file_only(exported, tmp_path):
    marks = [model_mark(ks.export.load(exported(name))) for name in ("tflite", "onnx", "onnx")]
    assert marks[0] != marks[1] == marks[2]


@pytest.mark.parametrize("output", ["class_ids", "both"])
def test_bytes_and_class_ids(run, exported, images, output):
    path = exported("tflite", "--input", "uint8", "--output", output, name=f"{output}.tflite")
    loaded = ks.export.load(path)
    expected = ks.inference.predict_classes(run.load_model(), images)
    assert (ks.inference.predict_classes(loaded, images) == expected).mean() > 0.999
    assert loaded.gives_scores == (output == "both")
    with pytest.raises(InputError, match="takes bytes, and an image holds values from -300"):
        loaded.predict_on_batch(images - 300)


def test_what_a_file_cannot_do(run, data, exported, tmp_path, capsys):
    fixed, ids = exported("tflite"), exported("tflite", "--output", "class_ids", name="ids.tflite")
    other = tmp_path / "a.png"
    Image.fromarray(np.zeros((50, 60, 3), "uint8")).save(other)
    said = refusal(capsys, "predict", fixed, other, "--out", tmp_path / "out")
    assert "takes images of 48x56 pixels, and this one has 50x60" in said and "--tile 48x56" in said
    assert command("predict", fixed, other, "--out", tmp_path / "out", "--tile", "48x56") == 0
    said = refusal(capsys, "predict", ids, other, "--out", tmp_path / "ids", "--tile", "48x56")
    assert "outputs class ids alone" in said and "--output scores" in said


def test_a_check_is_not_answered_by_the_file_of_another_model(run, exported, tmp_path, capsys):
    """Though its options are the same, and it is newer than the model."""
    fixed, other = exported("tflite"), tmp_path / "other"
    written = fixed.read_bytes()
    assert command("export", run.path, "--out", fixed, "--check", "npu") == 1
    assert "was exported with these options before, and is checked as it is" in capsys.readouterr().out
    shutil.copytree(run.path, other, ignore=shutil.ignore_patterns("*.tflite"))
    assert command("export", other, "--out", fixed, "--check", "npu") == 1
    assert "is checked as it is" in capsys.readouterr().out, "the copy holds the same model"
    model = run.load_model()
    model.set_weights([-weight for weight in model.get_weights()])
    model.save(other / "model.keras")
    os.utime(other / "model.keras", (0, 0))
    assert "exists already" in refusal(capsys, "export", other, "--out", fixed, "--check", "npu")
    shutil.copy(run.model_file, other)
    (other / "decoding.json").unlink()
    assert "exists already" in refusal(capsys, "export", other, "--out", fixed, "--check", "npu")
    assert fixed.read_bytes() == written


def moved(path, folder):
    """A copy of a file without what lies beside it."""
    return pathlib.Path(shutil.copy(path, folder))


def without_metadata(path):
    """An ONNX file as another program writes it."""
    files = pytest.importorskip("onnx", reason="needs onnx")
    content = files.load(path)
    del content.metadata_props[:]
    files.save(content, path)
    return path


def test_files_that_are_refused(run, data, exported, tmp_path, capsys, monkeypatch):
    def said(path):
        return refusal(capsys, "evaluate", path, data)

    onnx = exported("onnx")
    assert "no such file" in said(tmp_path / "nowhere.tflite")
    assert "is neither a run folder nor an exported file (.tflite" in said(run.model_file)
    alone = without_metadata(moved(onnx, tmp_path))
    assert "there is no model.onnx.json beside it. Export the model with keras_seg" in said(alone)
    beside = alone.with_name("model.onnx.json")
    shutil.copy(onnx.with_name(beside.name), beside)
    assert "model.onnx.json beside it describes another file" in said(alone)
    alone.write_bytes(b"changed")
    assert "cannot be read as ONNX; a part seems to be missing" in said(alone)
    description = json.loads(beside.read_text())
    beside.write_text(json.dumps({**description, "digest": None}))
    assert "cannot be read as ONNX; a part seems to be missing" in said(alone)
    shutil.copy(onnx, alone)
    beside.write_text(json.dumps({**description, "input": {**description["input"], "size": [32, 32]}}))
    assert "takes images of ('any', 'any'), and its description says (32, 32)" in said(alone)
    beside.write_text(json.dumps({**description, "class_names": [*description["class_names"], "more"], "facts": None}))
    assert "should give probabilities (2, 48, 56, 8) by its description, and gives (2, 48, 56, 7)" in said(alone)
    (tmp_path / "foreign.tflite").write_bytes(b"nothing")
    assert "needs the description of its classes" in said(tmp_path / "foreign.tflite")
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    assert 'Running ONNX needs onnxruntime: pip install "keras-seg[onnx]"' in said(onnx)


def test_a_file_that_was_not_made_from_a_run(run, data, tmp_path):
    """Its classes and ignored labels are those that it names."""
    path = tmp_path / "plain.onnx"
    index = ks.data.scan_folder(data, split="val")
    ks.export.onnx(run.load_model(), path, class_names=index.class_names)
    assert command("evaluate", path, data, "--json", tmp_path / "r.json") == 0
    found = json.loads((tmp_path / "r.json").read_text())
    expected = ks.evaluation.evaluate(run.load_model(), index)  # Without the postprocessing of the run.
    assert found["mean_iou"] == pytest.approx(expected.mean_iou, abs=1e-3)


@pytest.mark.parametrize("facts", [{}, {"task": "streets", "license": "CC-BY-4.0"}])
def test_facts_of_a_file_that_was_not_made_from_a_run(facts, tmp_path):
    """They are for its clients: it is one of class ids all the same."""
    image = keras.Input((16, 24, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(image / 255.0))
    ks.export.tflite(model, tmp_path / "m.tflite", class_names=["road", "sky"], facts=facts)
    opened = open_model(tmp_path / "m.tflite")
    assert (opened.task.name, opened.labels["names"], opened.channels) == ("semantic", ["road", "sky"], 3)
    assert opened.load_model().description["facts"] == facts


def test_facts_must_be_json(run, tmp_path):
    with pytest.raises(InputError, match="`facts` must be a dict that JSON can hold"):
        ks.export.onnx(run.load_model(), tmp_path / "m.onnx", facts={"array": np.zeros(2)})
    for facts in ("text", ["license"], []):
        with pytest.raises(InputError, match="`facts` must be a dict that JSON can hold. Received: facts="):
            ks.export.saved_model(run.load_model(), tmp_path / "m", facts=facts)
    assert keras.backend.backend() == "tensorflow" and not list(tmp_path.iterdir())
