"""The exported files of a folder side by side."""

import json

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg_cli import main

if keras.backend.backend() != "tensorflow":
    pytest.skip("exports are made on TensorFlow", allow_module_level=True)

pytestmark = pytest.mark.tensorflow_only
SIZE = (40, 48)


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("exports")
    ks.export.tflite(model, path / "model.tflite", input_size=SIZE)
    ks.export.tflite(
        model, path / "bytes.tflite", input_size=SIZE, input="uint8", output="class_ids", quantize="float16"
    )
    ks.export.onnx(model, path / "model.onnx")
    return path


@pytest.fixture(scope="module")
def examples():
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (*size, 3)).astype("uint8") for size in (SIZE, SIZE, (50, 60))]
    return images, [random.integers(0, 4, image.shape[:2]) for image in images]


@pytest.fixture(scope="module")
def found(model, folder, examples):
    images, masks = examples
    seen = []
    result = ks.export.benchmark(
        model,
        folder,
        images=images,
        masks=masks,
        ignore_class=3,
        rounds=2,
        progress=lambda *counts: seen.append(counts),
    )
    assert seen[-1] == (3, 3)
    return result


def test_every_file_has_a_row(found, folder):
    rows = {row.name: row for row in found.rows}
    assert list(rows) == ["Keras", "model.tflite", "bytes.tflite", "model.onnx", "SavedModel", "OpenVINO"]
    for name in ("model.tflite", "bytes.tflite", "model.onnx"):
        assert rows[name].status == "measured"
        assert rows[name].size_bytes == (folder / name).stat().st_size
        assert rows[name].agreement > 0.99
        assert rows[name].mean_iou == pytest.approx(rows["Keras"].mean_iou, abs=0.01)
        assert rows[name].milliseconds > 0
    assert rows["model.tflite"].memory_bytes > 0
    assert rows["SavedModel"].status == "not exported"
    assert rows["Keras"].agreement == 1


def test_the_score_is_that_of_the_evaluation(model, folder, examples):
    images, masks = ([*item[:2]] for item in examples)
    found = ks.export.benchmark(model, folder, images=images, masks=masks, ignore_class=3, rounds=1)
    expected = ks.evaluation.evaluate(model, [(np.stack(images), np.stack(masks))], ignore_class=3)
    assert found.rows[0].mean_iou == pytest.approx(expected.mean_iou)


def test_table_and_json(found):
    lines = str(found).splitlines()
    assert lines[0].split()[:3] == ["file", "precision", "MiB"]
    assert "float16" in str(found) and lines[-1] == "3 images."
    assert json.loads(json.dumps(found.to_dict()))["rows"][1]["name"] == "model.tflite"


def test_a_missing_library(model, folder, examples, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if "onnx" in name else object())
    rows = ks.export.benchmark(model, folder, images=examples[0][:1], rounds=1).rows
    status = {row.name: row.status for row in rows}
    assert status["model.onnx"] == "not installed" and status["OpenVINO"] == "not exported"
    assert rows[1].mean_iou is None


def test_a_broken_file(model, folder, examples, tmp_path):
    (tmp_path / "model.tflite").write_bytes(b"nothing")
    (tmp_path / "export_report.json").write_text((folder / "export_report.json").read_text())
    rows = ks.export.benchmark(model, tmp_path, images=examples[0][:1], rounds=1).rows
    assert rows[1].status.startswith("cannot be run")


def test_wrong_calls(model, folder, examples, tmp_path):
    images, masks = examples
    for path, options, words in (
        (tmp_path, {"images": images}, "`folder` holds no exported files"),
        (folder, {"images": []}, "`images` must be at least one array"),
        (folder, {"images": images, "masks": masks[:2]}, "`masks` must hold a mask"),
    ):
        with pytest.raises(_validation.InputError, match=words):
            ks.export.benchmark(model, path, **options)


@pytest.mark.slow
def test_from_the_shell(tmp_path, capsys):
    ks.data.write_shapes(tmp_path / "data", train=4, val=2, image_size=SIZE)
    train, validation = (ks.data.scan_folder(tmp_path / "data", split=split) for split in ("train", "val"))
    facts = ks.training.fingerprint(train, validation)
    plan = ks.training.make_plan(facts, epochs=1, steps_per_epoch=1, batch_size=1, crop=(32, 32), decoder_stride=8)
    ks.training.fit(plan, train=train, validation=validation, run=tmp_path / "run")
    for arguments in (("export",), ("benchmark", "--json", str(tmp_path / "b.json"))):
        with pytest.raises(SystemExit) as caught:
            main([arguments[0], str(tmp_path / "run"), *arguments[1:]])
        assert caught.value.code == 0
    assert "model.tflite" in capsys.readouterr().out
    first, second, *_ = json.loads((tmp_path / "b.json").read_text())["rows"]
    expected = ks.training.RunFolder(tmp_path / "run").load_metrics()["mean_iou"]
    assert first["mean_iou"] == pytest.approx(expected, abs=1e-6)
    assert second["agreement"] > 0.99
