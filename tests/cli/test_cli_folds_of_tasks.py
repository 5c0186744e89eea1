"""Folds of every task from the shell: trained, killed, resumed, evaluated, predicted and exported like one run."""

import json

import made_data
import numpy as np
import pytest
from shell import MARKS, TRAIN, command, killed, refusal, untraced_epochs

import keras_seg as ks
from keras_seg.training import RunFolder
from keras_seg.training.trained_run import TrainedRun

pytestmark = [*MARKS, pytest.mark.slow]  # Runs of two folds each.
pytest.importorskip("skimage", reason='scikit-image is missing: pip install "keras-seg[instances]"')
few_steps = untraced_epochs(2)

SIZE = (40, 48)
SCORES = {"multilabel": "mean_iou", "instances": "instance_score", "boundary": "boundary_f_score"}


def folder_of(task, path):
    if task == "multilabel":
        return made_data.overlapping(path, train=6, val=2, size=SIZE)
    write = ks.data.write_cells if task == "instances" else ks.data.write_shapes
    return write(path, train=6, val=2, image_size=SIZE)


def read(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("task", SCORES)
def test_a_killed_run_resumes_and_is_used_like_any_other(tmp_path, monkeypatch, capsys, task):
    data, out, key = folder_of(task, tmp_path / "data"), tmp_path / "run", SCORES[task]
    start = ("train", data, "--out", out, "--task", task, "--folds", 2, "--epochs", 2, *TRAIN[2:])
    assert killed(monkeypatch, *start) == 130
    assert (out / "fold1" / "plan.json").exists() and not (out / "fold2").exists()
    assert "--task cannot be given with --resume" in refusal(capsys, *start[:6], "--resume")
    assert command("train", data, "--out", out, "--resume") == 0
    said = " ".join(capsys.readouterr().out.split())
    metrics, label = read(out / "metrics.json"), key.replace("_", " ").replace("iou", "IoU").replace(" f ", " F ")
    assert f"{label} {100 * metrics[key]:.1f}" in said and "6 images, each predicted by" in said
    assert f"Ensemble {label} {100 * metrics['test'][key]:.1f}" in said
    assert ("Thresholds" in said) == (task != "multilabel")
    assert metrics["split"] == "out of fold" and metrics["images"] == 6
    assert [fold["images"] for fold in metrics["folds"]] == [3, 3]
    labels = read(out / "labels.json")
    assert labels["task"] == task and labels == read(out / "fold1" / "labels.json")
    assert f"--task {task} --folds 2" in (out / "report.html").read_text()
    # Evaluated again, on the test images.
    assert command("evaluate", out, data, "--json", tmp_path / "r.json") == 0
    assert read(tmp_path / "r.json")[key] == metrics["test"][key]
    # Predicted: the decoded mean of the probabilities.
    image = sorted((data / "val" / "images").iterdir())[0]
    assert command("predict", out, image, "--out", tmp_path / "predicted") == 0
    pixels = ks.data.read_image(image)[None].astype("float32")
    models = [RunFolder(out / f"fold{number}").load_model() for number in (1, 2)]
    mean = np.mean([np.asarray(model.predict_on_batch(pixels)) for model in models], axis=0)[0]
    assert_decoded(task, mean, RunFolder(out).load_decoding(), tmp_path / "predicted" / "masks", image.stem)
    # Exported, and the file evaluated as the run is.
    options = ("--format", "onnx", "--size", "40x48")
    pytest.importorskip("onnxruntime", reason='onnxruntime is missing: pip install "keras-seg[onnx]"')
    assert command("export", out, *options) == 0
    assert command("evaluate", out / "model.onnx", data, "--json", tmp_path / "e.json") == 0
    assert read(tmp_path / "e.json")[key] == pytest.approx(metrics["test"][key], abs=0.02)
    assert command("report", out) == 0
    assert "model.onnx" in (out / "report.html").read_text()
    assert TrainedRun(out / "fold2").task.name == task


def assert_decoded(task, mean, settings, folder, stem):
    """The mask on the disk is what the task makes of the mean."""
    from PIL import Image

    if task == "multilabel":
        for channel, name in enumerate(("bar", "box")):
            white = np.asarray(Image.open(folder / stem / f"{name}.png")) > 0
            np.testing.assert_array_equal(white, mean[..., channel] > 0.5)
        return
    found = np.asarray(Image.open(folder / f"{stem}.png"))
    if task == "instances":
        np.testing.assert_array_equal(found, ks.inference.instances(mean, **settings))
    else:
        np.testing.assert_array_equal(found, ks.evaluation.boundary_lines(mean[..., 1], **settings))
