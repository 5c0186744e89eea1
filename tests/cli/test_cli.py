"""The command line as a person uses it: the whole way, and every way to get it wrong."""

import json
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
import types

import keras
import made_data
import numpy as np
import pytest
from PIL import Image
from shell import command, killed, refusal, trained_by_command

import keras_seg as ks
from keras_seg.training.open_model import open_model
from keras_seg_cli import steps

pytestmark = pytest.mark.tensorflow_only


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    """A small data folder: train/ and val/."""
    return made_data.shapes(tmp_path_factory, train=8, val=4, image_size=(48, 56))


FILES = ("plan.json", "labels.json", "log.csv", "metrics.json", "predictions.png", "model.keras")
TRAIN = ("--epochs", 1, "--batch-size", 2, "--crop", "32x32")


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    """A finished run."""
    return trained_by_command(tmp_path_factory, shapes, *TRAIN)


@pytest.fixture
def copied(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


class TestTheWholeWay:
    def test_a_run_folder_holds_everything(self, finished):
        names = {item.name for item in finished.iterdir()}
        assert names == {*FILES, "report.html"}
        metrics = json.loads((finished / "metrics.json").read_text())
        assert set(metrics["iou"]) == set(ks.data.SHAPE_NAMES)
        assert sum(map(sum, metrics["confusion"])) == 4 * 48 * 56
        plan = json.loads((finished / "plan.json").read_text())
        assert plan["choices"]["crop"] == {"value": [32, 32], "rule": "given", "inputs": {}}
        with Image.open(finished / "predictions.png") as panel:
            assert panel.height > 4 * 200

    def test_evaluating_again_gives_the_same_numbers(self, finished, shapes, tmp_path, capsys):
        assert command("evaluate", finished, shapes, "--json", tmp_path / "r.json") == 0
        results = json.loads((tmp_path / "r.json").read_text())
        first = json.loads((finished / "metrics.json").read_text())
        assert results["confusion"] == first["confusion"]
        table = capsys.readouterr().out
        assert "mean IoU" in table
        assert "triangle" in table

    def test_predictions_are_ids_and_overlays(self, finished, shapes, tmp_path):
        image = sorted((shapes / "val" / "images").iterdir())[0]
        assert command("predict", finished, image, "--out", tmp_path / "out", "--polygons", "geojson") == 0
        with Image.open(tmp_path / "out" / "masks" / f"{image.stem}.png") as mask:
            assert mask.mode == "P"
            ids = np.asarray(mask)
        areas = (tmp_path / "out" / "areas.csv").read_text().splitlines()[1:]
        assert [line.split(",")[2:4] for line in areas] == [
            [name, str((ids == id_).sum())] for id_, name in enumerate(ks.data.SHAPE_NAMES)
        ]
        regions = json.loads((tmp_path / "out" / "polygons" / f"{image.stem}.geojson").read_text())["features"]
        written = sum(region["properties"]["pixels"] for region in regions)
        assert written == (ids != ks.data.SHAPE_NAMES.index("background")).sum()
        model = keras.saving.load_model(finished / "model.keras")
        pixels = ks.data.read_image(image).astype("float32")
        np.testing.assert_array_equal(ids, model.predict(pixels[None], verbose=0)[0].argmax(-1))
        with Image.open(tmp_path / "out" / "overlays" / f"{image.stem}.png") as overlay:
            assert overlay.size == (56, 48)

    @pytest.mark.slow
    def test_what_a_phone_takes(self, finished, tmp_path, capsys):
        options = ("--size", "48x56", "--out", tmp_path / "m.tflite", "--overwrite", "--check")
        assert command("export", finished, *options, "gpu") == 0
        printed = capsys.readouterr().out
        assert re.search(r"Phone GPU +(\d+) of \1 nodes, 1 partition", printed) and "In float16" in printed
        written = (tmp_path / "m.tflite").read_bytes()
        again = [option for option in options if option != "--overwrite"]
        assert command("export", finished, *again, "gpu") == 0
        printed = capsys.readouterr().out
        assert "was exported with these options before, and is checked as it is" in printed
        assert re.search(r"Phone GPU +(\d+) of \1 nodes, 1 partition", printed)
        for others in (["--input", "uint8"], ["--size", "any"], ["--tta", "hflip"], ["--reference", "predicted.npz"]):
            assert command("export", finished, *again, "gpu", *others) == 2
            assert "m.tflite: exists already" in capsys.readouterr().err
        assert command("export", finished, *again[:-1]) == 2
        assert "m.tflite: exists already" in capsys.readouterr().err
        assert (tmp_path / "m.tflite").read_bytes() == written
        assert command("export", finished, *options, "gpu", "--check", "npu", "--input", "uint8") == 1
        printed = capsys.readouterr().out
        assert len(set(re.findall(r"(?:Phone GPU|NPU) +\d+ of (\d+) nodes", printed))) == 1
        refused = " ".join(printed.partition("Refused by the phone GPU:")[2].split())
        assert "CAST (" in refused and 'Export with input="float32"' in refused
        assert "computes in floats" in refused.partition("Refused by the NPU:")[2]
        assert command("export", finished, "--format", "onnx", "--check", "gpu") == 2
        assert "Choose from tensorrt, opencv, webgpu, onnx2tf" in capsys.readouterr().err

    @pytest.mark.slow
    def test_what_other_programs_take(self, finished, tmp_path, capsys):
        options = ("--format", "onnx", "--out", tmp_path / "m.onnx", "--overwrite", "--check")
        assert command("export", finished, *options, "tensorrt") == 0
        printed = capsys.readouterr().out
        assert re.search(r"TensorRT 10 +(\d+) of \1 nodes\n", printed)
        assert command("export", finished, *options, "tensorrt", "--check", "opencv") == 1
        assert "a size known only at run time" in capsys.readouterr().out
        assert command("export", finished, "--check", "opencv") == 2
        assert "--check opencv is not for --format tflite. Choose from gpu" in capsys.readouterr().err
        assert command("export", finished, "--format", "saved_model", "--check", "gpu") == 2
        assert "--check gpu is not for --format saved_model. Drop it" in capsys.readouterr().err

    @pytest.mark.slow
    @pytest.mark.thorough
    def test_a_quantized_export(self, finished, shapes, tmp_path, capsys):
        options = ("--quantize", "int8", "--input", "uint8", "--out", tmp_path / "m.tflite")
        assert command("export", finished, *options) == 2
        assert "--representative must be given" in capsys.readouterr().err
        assert command("export", finished, *options, "--representative", shapes) == 0
        report = json.loads((tmp_path / "export_report.json").read_text())["m.tflite"]
        assert (report["quantize"], report["input"]) == ("int8", "uint8")
        assert command("export", finished, "--format", "onnx", "--quantize", "int8") == 2
        assert "--quantize and --representative are for --format tflite" in capsys.readouterr().err

    @pytest.mark.thorough
    def test_predictions_in_tiles(self, finished, shapes, tmp_path):
        """Images and rasters give what the library gives; a raster's mask has the raster's format."""
        image = sorted((shapes / "val" / "images").iterdir())[0]
        pixels = ks.data.read_image(image)
        raster = np.tile(pixels, (2, 3, 1))
        np.save(tmp_path / "raster.npy", raster)
        options = ("--tile", "64x32", "--overlap", "0", "--out", tmp_path / "out")
        assert command("predict", finished, image, tmp_path / "raster.npy", *options) == 0
        model = keras.saving.load_model(finished / "model.keras")
        predictor = ks.inference.TiledPredictor(model, (64, 32), overlap=0, output="class_ids")
        with Image.open(tmp_path / "out" / "masks" / f"{image.stem}.png") as mask:
            np.testing.assert_array_equal(np.asarray(mask), predictor.predict(pixels))
        np.testing.assert_array_equal(np.load(tmp_path / "out" / "masks" / "raster.npy"), predictor.predict(raster))
        assert [path.name for path in (tmp_path / "out" / "overlays").iterdir()] == [f"{image.stem}.png"]

    @pytest.mark.slow
    @pytest.mark.thorough
    def test_rasters_go_on(self, finished, tmp_path):
        """Of several rasters, those that are predicted are kept."""
        for index in range(3):
            np.save(tmp_path / f"{index}.npy", np.full((40, 40, 3), index, "uint8"))
        images = [tmp_path / f"{index}.npy" for index in range(3)]
        options = ("--tile", "32x32", "--overlap", "0", "--out", tmp_path / "out")
        assert command("predict", finished, images[0], *options) == 0
        before = (tmp_path / "out" / "masks" / "0.npy").stat()
        assert command("predict", finished, *images, *options) == 2
        assert command("predict", finished, *images, *options, "--resume") == 0
        assert (tmp_path / "out" / "masks" / "0.npy").stat() == before
        assert sorted(path.name for path in (tmp_path / "out" / "masks").iterdir()) == ["0.npy", "1.npy", "2.npy"]

    def test_a_broken_file_does_not_stop_the_others(self, finished, tmp_path, capsys):
        images, out = tmp_path / "in", tmp_path / "out"
        images.mkdir()
        for name in ("a.jpg", "c.gif", "d[exp].png"):
            Image.fromarray(np.zeros((32, 40, 3), "uint8")).save(images / name)
        (images / "b.jpg").write_bytes(b"broken")
        (images / "n.txt").write_text("no image")
        assert command("predict", finished, images, "--out", out) == 1
        printed = capsys.readouterr()
        assert "1 .txt" in " ".join(printed.out.split())
        assert "b.jpg: the image cannot be read" in printed.err and "1 of 4 files were not predicted" in printed.err
        before = {path.name: path.stat() for path in (out / "masks").iterdir()}
        assert sorted(before) == ["a.png", "c.png", "d[exp].png"]
        Image.fromarray(np.zeros((32, 40, 3), "uint8")).save(images / "b.jpg")
        assert command("predict", finished, images, "--out", out, "--resume") == 0
        after = {path.name: path.stat() for path in (out / "masks").iterdir()}
        assert after.keys() - before.keys() == {"b.png"} and all(after[name] == before[name] for name in before)

    @pytest.mark.slow
    @pytest.mark.thorough
    def test_augmented_predictions(self, copied, shapes, tmp_path, capsys):
        image = sorted((shapes / "val" / "images").iterdir())[0]
        option = ("--tta", "hflip,scale:0.75")
        assert command("predict", copied, image, "--out", tmp_path / "out", *option) == 0
        with Image.open(tmp_path / "out" / "masks" / f"{image.stem}.png") as mask:
            ids = np.asarray(mask)
        model = keras.saving.load_model(copied / "model.keras")
        tta = ks.inference.TestTimeAugmentation(model, ["hflip", ks.inference.Scale(0.75)])
        pixels = ks.data.read_image(image).astype("float32")
        np.testing.assert_array_equal(ids, tta.predict(pixels[None], verbose=0)[0].argmax(-1))
        assert command("evaluate", copied, shapes, "--json", tmp_path / "r.json", "--tta", "hflip") == 0
        results = json.loads((tmp_path / "r.json").read_text())
        index = ks.data.scan_folder(shapes, split="val")
        tta = ks.inference.TestTimeAugmentation(model, "hflip")
        assert results["confusion"] == ks.evaluation.evaluate(tta, index).confusion.tolist()
        assert results["tta"] == "hflip"
        assert command("export", copied, "--tta", "hflip", "--size", "32x40") == 0
        capsys.readouterr()
        for text, hint in (
            ("hflop", "Did you mean 'hflip'"),
            ("scale:x", "numbers after scale"),
            ("shift:-2", "pixels"),
        ):
            assert command("evaluate", copied, shapes, "--tta", text) == 2
            assert hint in capsys.readouterr().err

    @pytest.mark.thorough
    @pytest.mark.parametrize(
        "format_, name",
        [
            ("tflite", "model.tflite"),
            ("saved_model", "saved_model"),
            pytest.param("onnx", "model.onnx", marks=pytest.mark.slow),
            pytest.param("openvino", "model.xml", marks=pytest.mark.slow),
        ],
    )
    def test_exports(self, copied, shapes, monkeypatch, format_, name, capsys):
        assert command("export", copied, "--format", format_) == 0
        assert (copied / name).exists()
        assert "largest difference" in capsys.readouterr().out
        # What the model card says about use runs as it stands.
        monkeypatch.chdir(copied)
        shutil.copy(next((shapes / "val" / "images").iterdir()), "photo.jpg")
        uses, found = re.findall("```python\n(.*?)```", (copied / "README.md").read_text(), re.DOTALL), {}
        assert len(uses) == 2
        for code in uses:
            found.pop("scores", None)
            exec(code, found)
        assert np.shape(found["scores"]) == (1, 48, 56, len(ks.data.SHAPE_NAMES))
        assert command("export", copied, "--format", format_) == 2
        assert command("export", copied, "--format", format_, "--overwrite") == 0

    def test_a_plan_is_shown_with_its_reasons(self, shapes, capsys):
        assert command("plan", shapes) == 0
        assert "Compact" in capsys.readouterr().out

    @pytest.mark.thorough
    def test_one_folder_without_val(self, shapes, tmp_path):
        assert command("train", shapes / "train", "--out", tmp_path / "run", *TRAIN) == 0
        facts = json.loads((tmp_path / "run" / "plan.json").read_text())["fingerprint"]
        assert (facts["train_images"], facts["validation_images"]) == (6, 2)

    @pytest.mark.parametrize(
        ("by", "status"),
        [(signal.SIGTERM, 143), pytest.param(None, 130, marks=pytest.mark.slow)],
    )
    def test_a_stopped_run_says_how_to_go_on(self, shapes, tmp_path, monkeypatch, capsys, by, status):
        out = tmp_path / "run"
        options = ("--epochs", 2, "--batch-size", 2, "--crop", 32)
        assert killed(monkeypatch, "train", shapes, "--out", out, *options, by=by) == status
        (line,) = capsys.readouterr().err.splitlines()
        again = ["keras-seg", "train", str(shapes), "--out", str(out), "--resume"]
        assert line == f"Stopped. Kept: the state after epoch 1. Continue with: {shlex.join(again)}"
        assert command("train", shapes, "--out", out) == 2
        assert command(*shlex.split(line.partition("keras-seg ")[2])) == 0
        assert (out / "model.keras").exists()
        assert len((out / "log.csv").read_text().splitlines()) == 3
        assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL

    def test_stopped_before_training(self, copied, shapes, monkeypatch, capsys):
        """The older run, which would have been replaced, is not said to be kept for going on."""

        def stop(*arguments, **options):
            signal.raise_signal(signal.SIGTERM)

        monkeypatch.setattr(ks.training, "make_plan", stop)
        assert command("train", shapes, "--out", copied, "--overwrite") == 143
        assert capsys.readouterr().err.splitlines() == ["Stopped. Training had not begun. Start it again."]
        assert (copied / "model.keras").exists()


def test_reading_the_data_again_costs_a_resumed_run_no_minutes(monkeypatch):
    monkeypatch.setattr(steps, "_trained", lambda train_it, plan, **others: train_it())
    monkeypatch.setattr(ks.training, "fit", lambda plan, *, seconds_spent, **others: seconds_spent)

    def spent(minutes, **options):
        given = {"train": None, "validation": None, "run": None, "started": time.monotonic() - 30}
        return steps.fit({"minutes": minutes}, **given, **options)

    assert spent(1) >= 30 and spent(1, resume=False) >= 30
    assert spent(1, resume=True) == spent(None) == 0


@pytest.mark.parametrize("name", ["m.onnx", "M.ONNX"])
def test_an_onnx_file_is_checked_by_its_suffix(monkeypatch, name):
    checked = []
    report = types.SimpleNamespace(complete=True)
    monkeypatch.setattr(ks.export, "check_readers", lambda path, readers: checked.append((path, readers)) or report)
    assert steps.check_file(pathlib.Path(name), ["opencv"])
    assert checked == [(pathlib.Path(name), ["opencv"])]


@pytest.mark.slow
def test_the_demo_keeps_its_promise(tmp_path):
    """In a process of its own: under three minutes on two cores, 0.85 on scenes never seen, a file for a phone."""
    out = tmp_path / "demo"
    done = subprocess.run(
        [pathlib.Path(sys.executable).with_name("keras-seg"), "demo", "--out", out], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "run" / "metrics.json").read_text())["mean_iou"] >= 0.85
    # The file stands in for the run, with the names of its classes and its postprocessing.
    assert open_model(out / "run" / "model.tflite").facts == open_model(out / "run").facts
    assert "keras-seg train DATA --out RUN" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 200


@pytest.mark.slow
@pytest.mark.thorough
def test_gray_images(shapes, tmp_path):
    out = tmp_path / "run"
    assert command("train", shapes, "--out", out, "--channels", 1, *TRAIN) == 0
    assert keras.saving.load_model(out / "model.keras").input_shape == (None, None, None, 1)
    assert command("evaluate", out, shapes) == 0
    assert command("predict", out, shapes / "val" / "images", "--out", tmp_path / "p") == 0


class TestBadInput:
    """One line on the error stream, exit status 2, no traceback, nothing written."""

    def test_no_such_folder(self, tmp_path, capsys):
        assert "nowhere" in refusal(capsys, "train", tmp_path / "nowhere", "--out", tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_a_folder_without_pairs(self, tmp_path, capsys):
        (tmp_path / "empty").mkdir()
        assert "images/" in refusal(capsys, "train", tmp_path / "empty", "--out", tmp_path / "run")
        assert not (tmp_path / "run").exists()

    @pytest.fixture
    def broken(self, shapes, tmp_path):
        return pathlib.Path(shutil.copytree(shapes, tmp_path / "data"))

    def test_an_orphan(self, broken, tmp_path, capsys):
        gone = sorted((broken / "train" / "masks").iterdir())[0]
        gone.unlink()
        assert gone.stem in refusal(capsys, "train", broken, "--out", tmp_path / "run")

    def test_a_truncated_image(self, broken, tmp_path, capsys):
        victim = sorted((broken / "train" / "images").iterdir())[0]
        victim.write_bytes(victim.read_bytes()[:200])
        assert victim.name in refusal(capsys, "train", broken, "--out", tmp_path / "run")
        assert not (tmp_path / "run").exists()

    def test_a_mask_of_another_size(self, broken, tmp_path, capsys):
        victim = sorted((broken / "val" / "masks").iterdir())[0]
        Image.fromarray(np.zeros((10, 10), "uint8")).save(victim)
        message = refusal(capsys, "train", broken, "--out", tmp_path / "run")
        assert victim.name in message
        assert "10x10" in message

    def test_a_label_out_of_range(self, broken, tmp_path, capsys):
        victim = sorted((broken / "val" / "masks").iterdir())[0]
        Image.fromarray(np.full((48, 56), 77, "uint8")).save(victim)
        message = refusal(capsys, "train", broken, "--out", tmp_path / "run")
        assert victim.name in message
        assert "77" in message

    def test_a_number_of_classes_that_disagrees(self, shapes, tmp_path, capsys):
        assert "num_classes=3" in refusal(capsys, "train", shapes, "--out", tmp_path / "run", "--num-classes", 3)

    @pytest.mark.parametrize(
        "options, hint",
        [
            (("--backbone", "MobilNetV2"), "MobileNetV2"),
            (("--model", "Unet"), "Did you mean 'UNet'"),
            (("--weights", "nowhere.h5"), "nowhere.h5"),
            (("--batch-size", 0), "--batch-size must be an integer of at least 1"),
            (("--minutes", 1, "--epochs", 1), "exclude each other"),
            (("--minutes", 1, "--patience", 3), "--patience has no effect on a run of minutes"),
            (("--patience", 3, "--keep", "last"), '--keep must be "best" with --patience'),
            (("--crop", "32xx"), "HxW"),
            (("--bach-size", 3), "--batch-size"),
        ],
    )
    def test_options(self, shapes, tmp_path, capsys, options, hint):
        assert hint in refusal(capsys, "train", shapes, "--out", tmp_path / "run", *options)
        assert not (tmp_path / "run").exists()

    def test_a_log_whose_package_is_missing(self, shapes, tmp_path, monkeypatch, capsys):
        monkeypatch.setitem(sys.modules, "wandb", None)
        line = refusal(capsys, "train", shapes, "--out", tmp_path / "run", "--log", "wandb")
        assert line == 'Error: --log wandb needs wandb: pip install "keras-seg[wandb]"'

    def test_an_existing_run_is_kept(self, copied, shapes, capsys):
        before = (copied / "model.keras").read_bytes()
        assert "--resume" in refusal(capsys, "train", shapes, "--out", copied)
        # A plan that fails must not cost the old run either.
        refusal(capsys, "train", shapes, "--out", copied, "--overwrite", "--backbone", "MobilNetV2")
        assert (copied / "model.keras").read_bytes() == before

    def test_a_folder_that_is_no_run_is_kept(self, shapes, tmp_path, capsys):
        (tmp_path / "thesis.tex").write_text("five years")
        assert "left alone" in refusal(capsys, "train", shapes, "--out", tmp_path, "--overwrite")
        assert (tmp_path / "thesis.tex").read_text() == "five years"

    def test_resuming_what_has_ended_or_with_other_choices(self, copied, shapes, capsys):
        assert "has ended" in refusal(capsys, "train", shapes, "--out", copied, "--resume")
        assert "Drop --epochs" in refusal(capsys, "train", shapes, "--out", copied, "--resume", "--epochs", 3)

    def test_a_place_that_cannot_be_written(self, shapes, tmp_path, capsys):
        (tmp_path / "file").touch()
        assert "file" in refusal(capsys, "train", shapes, "--out", tmp_path / "file" / "run", *TRAIN)
        full = pathlib.Path("/proc/keras_seg_run")
        if full.parent.is_dir():
            assert "cannot be written" in refusal(capsys, "train", shapes, "--out", full, *TRAIN)

    def test_no_run(self, shapes, tmp_path, capsys):
        assert "no such run folder" in refusal(capsys, "evaluate", tmp_path / "run", shapes)
        assert "no such run folder" in refusal(capsys, "predict", tmp_path / "run", shapes, "--out", tmp_path / "o")
        assert "no such run folder" in refusal(capsys, "export", tmp_path / "run")

    @pytest.mark.parametrize(
        ("name", "operands", "options"),
        [
            ("benchmark", ("run", "."), ("--json",)),
            ("compare", ("run", "other"), ("--html", "--json")),
            ("doctor", (".",), ("--html", "--json")),
            ("evaluate", ("run", "."), ("--json",)),
            ("plan", (".",), ("--json",)),
        ],
    )
    def test_a_folder_in_place_of_a_file(self, tmp_path, monkeypatch, capsys, name, operands, options):
        """Before the work, not after it."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "there").mkdir()
        for option in options:
            line = refusal(capsys, name, *operands, option, "there")
            assert line.endswith("there: is a folder, and a file is written. Give the path of a file.")
        assert [item.name for item in tmp_path.iterdir()] == ["there"]

    def test_predictions_are_not_overwritten(self, finished, shapes, tmp_path, capsys):
        images = shapes / "val" / "images"
        assert command("predict", finished, images, "--out", tmp_path) == 0
        assert "exists already" in refusal(capsys, "predict", finished, images, "--out", tmp_path)
        assert "no such file" in refusal(capsys, "predict", finished, tmp_path / "x.png", "--out", tmp_path / "o")

    def test_options_that_predict_would_ignore(self, finished, shapes, tmp_path, capsys):
        predict, images = ("predict", finished, "--out", tmp_path / "o"), shapes / "val" / "images"
        both = ("--resume", "--overwrite")
        assert "--resume and --overwrite exclude each other" in refusal(capsys, *predict, images, *both)
        (tmp_path / "clip.mp4").touch()
        for options, line in (
            ((tmp_path / "clip.mp4", "--polygons", "coco"), "--polygons is for images and rasters, and there are none"),
            ((images, "--frames", 3), "--frames is for videos, cameras and streams, and there are none"),
        ):
            assert line in refusal(capsys, *predict, *options)
        assert not (tmp_path / "o").exists()

    def test_tables_of_others_are_refused_before_the_work(self, finished, shapes, tmp_path, capsys):
        predict = ("predict", finished, shapes / "val" / "images", "--out", tmp_path, "--polygons", "coco")
        for name, hint in (("areas.csv", "is another table"), ("coco.json", "is no COCO file")):
            (tmp_path / name).write_text("mine")
            assert f"{name}: {hint}" in refusal(capsys, *predict)
            assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [(name, "mine")]
            (tmp_path / name).unlink()

    @pytest.mark.thorough
    def test_tiles_that_do_not_fit(self, finished, shapes, tmp_path, capsys):
        predict = ("predict", finished, shapes / "val" / "images", "--out", tmp_path / "o")
        assert "--tile" in refusal(capsys, *predict, "--overlap", "0.25")
        assert "suits the model's stride of 32" in refusal(capsys, *predict, "--tile", "33x32")
        assert "--overlap must be" in refusal(capsys, *predict, "--tile", "32x32", "--overlap", "1")
        assert not (tmp_path / "o").exists()
        np.save(tmp_path / "gray.npy", np.zeros((40, 40)))
        assert "`image` must have the 3 channels" in refusal(
            capsys, "predict", finished, tmp_path / "gray.npy", "--out", tmp_path / "o"
        )

    def test_the_demo_leaves_other_folders_alone(self, tmp_path, capsys):
        (tmp_path / "mine.txt").write_text("mine")
        assert "--overwrite" in refusal(capsys, "demo", "--out", tmp_path)
        assert "nothing was changed" in refusal(capsys, "demo", "--out", tmp_path, "--overwrite")
        assert (tmp_path / "mine.txt").read_text() == "mine"

    def test_the_demo_refuses_its_options_before_an_older_one_is_removed(self, tmp_path, capsys):
        demo = ("demo", "--out", tmp_path, "--overwrite")
        for name in ("made-by-keras-seg-demo", "report.html"):
            (tmp_path / name).write_text("of an older demo")
        for option, value in (("--minutes", 0), ("--minutes", "nan"), ("--seed", -1)):
            assert f"{option} must be" in refusal(capsys, *demo, option, value)
        assert {item.name for item in tmp_path.iterdir()} == {"made-by-keras-seg-demo", "report.html"}


def installed(*arguments, **environment):
    """The installed program, as a process."""
    program = pathlib.Path(sys.executable).with_name("keras-seg")
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )


def test_help_answers_without_loading_a_framework():
    done = installed("--help")
    assert done.returncode == 0
    assert "demo" in done.stdout
    code = "import sys; sys.argv = ['keras-seg']; import keras_seg_cli; assert 'keras' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_as_a_module_it_is_as_quiet():
    run = subprocess.run([sys.executable, "-m", "keras_seg_cli", "--help"], capture_output=True, text=True, check=True)
    assert "Train, evaluate and export" in run.stdout
    assert run.stderr == ""  # The backend's notes would stand here, had it been imported.


def test_a_missing_backend_says_what_to_install(tmp_path):
    """A folder that shadows TensorFlow with nothing stands in for an environment without it."""
    (tmp_path / "tensorflow.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'tensorflow'\", name='tensorflow')"
    )
    done = installed("plan", str(tmp_path), PYTHONPATH=str(tmp_path), KERAS_BACKEND="tensorflow")
    assert done.returncode == 2
    assert 'pip install "keras-seg[tensorflow]"' in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("backend", "module", "said"),
    [
        ("pytorch", None, "Keras cannot be used (Unable to import backend"),
        ("numpy", None, "Keras cannot be used (the backend is numpy). Set KERAS_BACKEND to tensorflow, jax or torch"),
        ("tensorflow", "raise ImportError('libfoo.so: cannot open shared object file')", "(libfoo.so: cannot open"),
    ],
)
def test_a_backend_that_cannot_be_used_is_one_line(tmp_path, backend, module, said):
    if module is not None:
        (tmp_path / "tensorflow.py").write_text(module)
    done = installed("plan", str(tmp_path), PYTHONPATH=str(tmp_path), KERAS_BACKEND=backend)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("Error: ") and said in done.stderr
    assert "Traceback" not in done.stderr.splitlines()[-1]


def test_a_terminal_without_the_characters_of_bars(shapes):
    done = installed("plan", str(shapes), PYTHONIOENCODING="ascii", KERAS_BACKEND="tensorflow")
    assert done.returncode == 0, done.stderr
    assert "batch_size" in done.stdout or "batches" in done.stdout


def test_the_name_of_an_exported_file_says_what_it_is(tmp_path, capsys):
    for options, suffix in ((("--out", "m.onnx"), ".tflite"), (("--format", "onnx", "--out", "model"), ".onnx")):
        assert command("export", tmp_path, *options) == 2
        assert f"--out must end in {suffix} with --format" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.thorough
def test_membrane_trains_without_any_option_about_its_masks(membrane, tmp_path, capsys):
    assert command("train", membrane, "--out", tmp_path / "run", "--epochs", 1, "--batch-size", 1, "--crop", 64) == 0
    printed = capsys.readouterr().out
    assert "Masks hold 0 and 255" in printed
    assert json.loads((tmp_path / "run" / "labels.json").read_text())["names"] == ["class_0", "class_1"]
