"""Models whose output is no softmax, from the shell: classes that overlap, and one channel for two classes."""

import csv
import json
import shutil

import keras
import made_data
import numpy as np
import pytest
from PIL import Image
from shell import MARKS, TRAIN, command, trained_by_command, untraced_epochs

import keras_seg as ks

pytestmark = MARKS
few_steps = untraced_epochs(2)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return made_data.overlapping(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def bars(sets, tmp_path_factory):
    """One class against the background."""
    folder = tmp_path_factory.mktemp("bars")
    for split in ("train", "val"):
        shutil.copytree(sets / split / "images", folder / split / "images")
        shutil.copytree(sets / split / "masks" / "bar", folder / split / "masks")
    return folder


@pytest.fixture(scope="module")
def sets_run(sets, tmp_path_factory):
    return trained_by_command(tmp_path_factory, sets, "--task", "multilabel", *TRAIN)


@pytest.fixture(scope="module")
def binary_run(bars, tmp_path_factory):
    return trained_by_command(tmp_path_factory, bars, "--binary", *TRAIN)


def read(path):
    return json.loads(path.read_text())


def predicted(run, file):
    model = keras.saving.load_model(run / "model.keras")
    return model.predict(ks.data.read_image(file).astype("float32")[None], verbose=0)[0]


def mask_of(path):
    with Image.open(path) as picture:
        return np.array(picture)


def test_a_run_of_overlapping_classes(sets_run, sets, tmp_path):
    metrics, choices = read(sets_run / "metrics.json"), read(sets_run / "plan.json")["choices"]
    assert choices["task"]["value"] == "multilabel" and "binary" not in choices
    assert set(metrics["iou"]) == {"bar", "box"}
    page = (sets_run / "report.html").read_text()
    assert "Mean IoU of classes that may overlap" in page and "--task multilabel" in page
    assert command("evaluate", sets_run, sets, "--json", tmp_path / "r.json") == 0
    assert read(tmp_path / "r.json")["iou"] == metrics["iou"]
    assert command("report", sets_run) == 0


def test_predictions_of_overlapping_classes_are_a_mask_per_class(sets_run, sets, tmp_path):
    file = sets / "val" / "images" / "4.png"
    assert command("predict", sets_run, file, "--out", tmp_path, "--polygons", "coco") == 0
    scores = predicted(sets_run, file)
    assert scores.shape == (48, 56, 2)
    for place, name in enumerate(("bar", "box")):
        np.testing.assert_array_equal(mask_of(tmp_path / "masks" / "4" / f"{name}.png"), scores[..., place] > 0.5)
    rows = list(csv.DictReader((tmp_path / "areas.csv").open()))
    assert [(row["class"], int(row["pixels"])) for row in rows] == [
        (name, (scores[..., place] > 0.5).sum()) for place, name in enumerate(("bar", "box"))
    ]
    areas = {item["category_id"]: 0 for item in read(tmp_path / "coco.json")["annotations"]}
    for item in read(tmp_path / "coco.json")["annotations"]:
        areas[item["category_id"]] += item["area"]
    assert areas == {place: (scores[..., place] > 0.5).sum() for place in range(2) if (scores[..., place] > 0.5).any()}
    assert (tmp_path / "overlays" / "4.png").exists()
    assert command("predict", sets_run, file, "--out", tmp_path, "--resume") == 0


def test_a_binary_run_has_one_channel(binary_run, bars, tmp_path):
    choices, metrics = read(binary_run / "plan.json")["choices"], read(binary_run / "metrics.json")
    assert choices["binary"]["value"] is True
    assert len(metrics["confusion"]) == 2
    assert command("evaluate", binary_run, bars, "--json", tmp_path / "r.json") == 0
    assert read(tmp_path / "r.json")["confusion"] == metrics["confusion"]
    file = bars / "val" / "images" / "4.png"
    assert command("predict", binary_run, file, "--out", tmp_path) == 0
    scores = predicted(binary_run, file)
    assert scores.shape == (48, 56, 1)
    np.testing.assert_array_equal(mask_of(tmp_path / "masks" / "4.png"), scores[..., 0] > 0.5)
    # The names are those of both classes.
    rows = list(csv.DictReader((tmp_path / "areas.csv").open()))
    assert [int(row["pixels"]) for row in rows] == [(scores <= 0.5).sum(), (scores > 0.5).sum()]


@pytest.mark.slow
@pytest.mark.parametrize("run", ["sets_run", "binary_run"])
def test_exports(run, request, tmp_path):
    folder = request.getfixturevalue(run)
    assert command("export", folder, "--out", tmp_path / "m.tflite") == 0
    assert (tmp_path / "m.tflite").stat().st_size > 0


@pytest.mark.slow
def test_other_commands_of_a_binary_run(binary_run, bars, tmp_path):
    file = bars / "val" / "images" / "4.png"
    assert command("predict", binary_run, file, "--out", tmp_path, "--tile", 32, "--overlap", 0, "--tta", "hflip") == 0
    assert command("evaluate", binary_run, bars, "--tta", "hflip") == 0
    np.save(tmp_path / "raster.npy", ks.data.read_image(file))
    assert command("predict", binary_run, tmp_path / "raster.npy", "--out", tmp_path) == 0
    assert set(np.unique(np.load(tmp_path / "masks" / "raster.npy"))) <= {0, 1}
    for format_ in ("onnx", "saved_model", "openvino"):
        assert command("export", binary_run, "--format", format_, "--output", "both") == 0
    assert command("benchmark", binary_run) == 0
    other = tmp_path / "other"
    assert command("train", bars, "--out", other, *TRAIN) == 0
    assert predicted(other, file).shape == (48, 56, 2)
    assert "--binary" in (binary_run / "report.html").read_text()
    assert command("compare", binary_run, other) == 0
    folds = ("--binary", "--folds", 2, "--epochs", 1, "--crop", "32x32", "--decoder-stride", 8)
    assert command("train", bars / "train", "--out", tmp_path / "folds", *folds) == 0
    assert predicted(tmp_path / "folds" / "fold1", file).shape == (48, 56, 1)


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("bars", ("--task", "multilabel"), "holds no images with one mask per class"),
        ("sets", ("--task", "multilabel", "--binary"), "--binary does not apply to --task multilabel"),
        ("sets", ("--task", "multilabel", "--ignore-class", 255), "--ignore-class does not apply to --task multilabel"),
        ("sets", (), "keras-seg convert"),
        ("sets", (), "If they are classes that overlap, pass --task multilabel"),
    ],
)
def test_refusals(request, tmp_path, refused, data, options, message):
    assert message in refused("train", request.getfixturevalue(data), "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


def test_refusals_of_a_run(sets_run, tmp_path, refused):
    assert "Use --output scores" in refused("export", sets_run, "--output", "class_ids")
    np.save(tmp_path / "a.npy", np.zeros((64, 64, 3), "uint8"))
    assert "rasters get masks of class ids" in refused("predict", sets_run, tmp_path / "a.npy", "--out", tmp_path)


def test_a_plan_as_a_file(bars, sets, tmp_path, capsys):
    file = tmp_path / "plan.json"
    assert command("plan", bars, "--preset", "best", "--json", file) == 0
    content = read(file)
    assert content["choices"]["epochs"]["value"] == 150 and content["choices"]["preset"]["rule"] == "given"
    assert set(content["fingerprint"]["class_width"]) == set(content["fingerprint"]["class_names"])
    content["choices"]["learning_rate"]["value"] = 0.123
    file.write_text(json.dumps(content))
    assert command("plan", bars, "--plan", file, "--epochs", 7, "--json", tmp_path / "again.json") == 0
    again = read(tmp_path / "again.json")["choices"]
    values = {name: again[name]["value"] for name in ("learning_rate", "epochs", "preset", "decoder_convolutions")}
    assert values == {"learning_rate": 0.123, "epochs": 7, "preset": "best", "decoder_convolutions": 2}
    # The task is that of the file.
    assert command("plan", sets, "--task", "multilabel", "--json", file) == 0
    assert command("plan", sets, "--plan", file, "--json", tmp_path / "again.json") == 0
    assert read(tmp_path / "again.json") == read(file)
    capsys.readouterr()
    assert command("plan", bars, "--probe") == 0
    assert "Nothing was measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--preset", "better"), "'better' is not one of 'fast', 'balanced', 'best'"),
        (("--plan", "FILE", "--probe"), "--probe has no effect beside --plan"),
        (("--plan", "FILE", "--folds", 2), "--plan does not apply to --folds"),
        (("--probe", "--folds", 2), "--probe does not apply to --folds"),
        (("--plan", "FILE"), "is not a plan"),
        (("--plan", "FILE", "--resume"), "--plan cannot be given with --resume"),
        (("--ema", 1), "--ema must be a finite number"),
    ],
)
def test_refusals_of_plans(bars, tmp_path, refused, options, message):
    file = tmp_path / "file.json"
    file.write_text("{}")
    options = [file if option == "FILE" else option for option in options]
    assert message in refused("train", bars, "--out", tmp_path / "run", *options)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "words",
    [("train", "--folds", 2, "--out", "run"), ("plan",), ("leaderboard", "--models", "UNet", "--out", "board")],
    ids=lambda words: words[0],
)
def test_folds_plans_and_leaderboards_are_for_all_devices_too(bars, refused, monkeypatch, words):
    def asked():
        raise ks.InputError("all devices")

    monkeypatch.setattr("keras_seg.training.hosts.all_devices.use_all_devices", asked)
    assert "all devices" in refused(*words, bars)
