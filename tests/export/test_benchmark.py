"""The exported files of a folder side by side."""

import importlib.util
import json

import keras
import made_data
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _validation
from keras_seg.export.benchmark import _size
from keras_seg.training.tasks import find_task
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


@pytest.mark.parametrize("ignore_class", [3, (1, 3)])
def test_the_score_is_that_of_the_evaluation(model, folder, examples, ignore_class):
    images, masks = ([*item[:2]] for item in examples)
    found = ks.export.benchmark(model, folder, images=images, masks=masks, ignore_class=ignore_class, rounds=1)
    expected = ks.evaluation.evaluate(model, [(np.stack(images), np.stack(masks))], ignore_class=ignore_class)
    assert found.rows[0].mean_iou == pytest.approx(expected.mean_iou)


def test_files_of_any_size(model, examples, tmp_path):
    """They take the size of the images, not one of those at which the export compared noise, and so does the model."""
    images, masks = examples
    ks.export.onnx(model, tmp_path / "any.onnx")
    rows = ks.export.benchmark(model, tmp_path, images=images, masks=masks, ignore_class=3, rounds=1).rows
    assert [row.input_size for row in rows[:2]] == 2 * [SIZE]
    assert rows[1].agreement > 0.99 and rows[1].mean_iou == pytest.approx(rows[0].mean_iou, abs=0.01)
    ks.export.tflite(model, tmp_path / "fixed.tflite", input_size=(32, 40))
    rows = ks.export.benchmark(model, tmp_path, images=images, rounds=1).rows
    assert [row.input_size for row in rows[:3]] == 3 * [(32, 40)]


def test_times_are_per_image_where_a_file_takes_several_at_once(model, examples, tmp_path, monkeypatch):
    called = []

    def timed(calls, rounds):
        called.extend(call() for call in calls)
        return [12.0] * len(calls)

    ks.export.tflite(model, tmp_path / "three.tflite", input_size=SIZE, batch_size=3)
    ks.export.tflite(model, tmp_path / "one.tflite", input_size=SIZE)
    # The function has the name of its module.
    monkeypatch.setattr(importlib.import_module("keras_seg.export.benchmark"), "alternating", timed)
    rows = ks.export.benchmark(model, tmp_path, images=examples[0][:1], rounds=1).rows
    assert [row.name for row in rows[:3]] == ["Keras", "three.tflite", "one.tflite"]
    assert [len(next(iter(maps.values()))) for maps in called[1:]] == [3, 1]
    assert [row.milliseconds for row in rows[:3]] == [12.0, 4.0, 12.0]


def test_a_size_that_the_model_takes():
    """Where it refuses that of the image, the next larger one."""
    unpadded = ks.models.UNet2015(num_classes=2, filters=2)
    image = keras.Input((None, None, 3))
    joined = keras.layers.Concatenate()([image, keras.layers.UpSampling2D(4)(keras.layers.MaxPooling2D(4)(image))])
    assert _size(keras.Model(image, joined), [], np.zeros((30, 41, 3))) == (32, 44)
    assert _size(unpadded, ["not installed"], np.zeros((188, 190, 3))) == (188, 204)
    fixed = keras.Sequential([keras.Input((16, 24, 3)), keras.layers.Conv2D(2, 1)])
    assert _size(fixed, [], np.zeros((188, 190, 3))) == (16, 24)


def test_overlapping_classes_agree_where_both_are_absent(examples, tmp_path):
    """Which of two scores near 0 is the higher one is no matter, unless the masks hold class ids."""
    images = examples[0][:1]

    def constant(*logits):
        image = keras.Input((None, None, 3))
        layer = keras.layers.Conv2D(2, 1, kernel_initializer="zeros", activation="sigmoid")
        model = keras.Model(image, layer(image))
        layer.set_weights([layer.get_weights()[0], np.array(logits)])
        return model

    ks.export.tflite(constant(-5.0, -5.1), tmp_path / "m.tflite", input_size=SIZE)
    masks = [np.zeros(SIZE, "int32")]
    for logits, options, agreement in (
        ((-5.1, -5.0), {}, 1.0),
        ((-5.1, -5.0), {"masks": masks}, 0.0),
        ((-5.0, 5.0), {"masks": masks, "score": lambda *_: float("nan")}, 0.0),
    ):
        rows = ks.export.benchmark(constant(*logits), tmp_path, images=images, rounds=1, **options).rows
        assert [row.agreement for row in rows[:2]] == [1.0, agreement]
    assert [row.score for row in rows[:2]] == [None, None]


def test_table_and_json(found):
    lines = str(found).splitlines()
    assert lines[0].split()[:3] == ["file", "precision", "size"]
    assert lines[1].split()[:3] == ["Keras", "float32", "40x48"]
    assert "float16" in str(found) and lines[-1] == "3 images."
    assert json.loads(json.dumps(found.to_dict()))["rows"][1]["name"] == "model.tflite"


def test_a_missing_library(model, folder, examples, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if "onnx" in name else object())
    rows = ks.export.benchmark(model, folder, images=examples[0][:1], rounds=1).rows
    status = {row.name: row.status for row in rows}
    assert status["model.onnx"] == "not installed" and status["OpenVINO"] == "not exported"
    assert rows[1].mean_iou is None


def test_a_file_needs_no_exporter(model, folder, examples, monkeypatch):
    """Only its runtime: where files are benchmarked, tf2onnx is often not installed."""
    found = importlib.util.find_spec
    without = lambda name, package=None: None if name == "tf2onnx" else found(name, package)  # noqa: E731
    monkeypatch.setattr("importlib.util.find_spec", without)
    rows = ks.export.benchmark(model, folder, images=examples[0][:1], rounds=1).rows
    assert {row.name: row.status for row in rows}["model.onnx"] == "measured"


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
        (folder, {"images": [np.zeros((8, 8, 1))]}, r"`images` must be at least one array \(height, width, 3\)"),
        (folder, {"images": ["a.png"]}, r"`images` must be at least one array .*images=\[\(\)\]"),
        (folder, {"images": images, "masks": masks[:2]}, "`masks` must hold a mask"),
        (folder, {"images": images, "masks": masks}, r"`masks` must hold class ids from 0 to 2 .*masks=\[3\]"),
    ):
        with pytest.raises(_validation.InputError, match=words):
            ks.export.benchmark(model, path, **options)


def test_another_score(model, folder, examples):
    """It gets each model, and the images and masks at the size of the file."""
    images, masks = examples
    seen = []

    def score(one, batches):
        seen.append([(image.shape[1:3], mask.shape[1:]) for image, mask in batches])
        return float(np.mean([np.asarray(one.predict_on_batch(image))[0].argmax(-1) == 0 for image, _ in batches]))

    found = ks.export.benchmark(
        model, folder, images=images, masks=masks, score=score, score_name="share of class 0", rounds=1
    )
    assert seen == 4 * [3 * [(SIZE, SIZE)]]
    assert "share of class 0" in str(found) and found.rows[0].mean_iou is None
    for row in found.rows[1:3]:
        assert row.score == pytest.approx(found.rows[0].score, abs=0.01)
    with pytest.raises(_validation.InputError, match="`masks` must be given with `score`"):
        ks.export.benchmark(model, folder, images=images, score=score)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["semantic", "instances", "boundary"])
def test_from_the_shell(tmp_path, tmp_path_factory, capsys, task):
    make = made_data.cells if task == "instances" else made_data.shapes
    folder = make(tmp_path_factory, train=4, val=2, image_size=SIZE)
    kind = find_task(task)
    train = kind.scan(folder, split="train")
    validation = kind.scan_like(folder, train, split="val")
    run = made_data.trained(tmp_path / "run", train, validation, task=task)
    for arguments in (("export",), ("benchmark", "--json", str(tmp_path / "b.json"))):
        with pytest.raises(SystemExit) as caught:
            main([arguments[0], str(run.path), *arguments[1:]])
        assert caught.value.code == 0
    assert "model.tflite" in capsys.readouterr().out
    found = json.loads((tmp_path / "b.json").read_text())
    first, second, *_ = found["rows"]
    assert found["score_name"] == kind.score_label
    name = "mean_iou" if task == "semantic" else "score"
    assert first[name] == pytest.approx(run.load_metrics()[kind.scores[0]], abs=1e-6)
    assert second[name] == pytest.approx(first[name], abs=0.01) and second["agreement"] > 0.99
