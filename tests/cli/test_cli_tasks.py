"""--task instances and --task boundary as a person uses them."""

import csv
import json
import pathlib
import shutil
import sys

import keras
import made_data
import numpy as np
import pytest
from PIL import Image
from shell import MARKS, TRAIN, command, killed, refusal, trained_by_command, untraced_epochs

import keras_seg as ks
from keras_seg.training.tasks import find_task
from keras_seg.training.tasks.task import Decoding
from keras_seg.training.trained_run import TrainedRun

pytestmark = MARKS
few_steps = untraced_epochs(4)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    return made_data.cells(tmp_path_factory, train=6, val=2, image_size=(48, 56))


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=6, val=2, image_size=(48, 56))


@pytest.fixture(scope="module")
def instances_run(cells, tmp_path_factory):
    return trained_by_command(tmp_path_factory, cells, "--task", "instances", *TRAIN)


@pytest.fixture(scope="module")
def boundary_run(shapes, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "boundary"
    assert command("train", shapes, "--out", out, "--task", "boundary", "--border-width", 1, *TRAIN) == 0
    return out


def read(path):
    return json.loads(path.read_text())


FILES = {
    "plan.json", "labels.json", "log.csv", "metrics.json", "predictions.png", "report.html", "model.keras",
    "decoding.json",
}  # fmt: skip


class TestInstances:
    def test_a_run_folder_holds_everything(self, instances_run):
        assert {item.name for item in instances_run.iterdir()} == FILES
        metrics, decoding = read(instances_run / "metrics.json"), read(instances_run / "decoding.json")
        assert 0 <= metrics["instance_score"] <= 1
        assert metrics["decoding"] == decoding
        assert set(decoding) == {"threshold", "seed_threshold", "border_threshold", "min_size"}
        choices = read(instances_run / "plan.json")["choices"]
        assert choices["task"]["value"] == "instances"
        assert choices["border_width"]["value"] == 2
        assert len(choices["class_weights"]["value"]) == 3
        labels = read(instances_run / "labels.json")
        assert labels["task"] == "instances"
        assert labels["names"] == ["background", "body", "border"]
        columns = (instances_run / "log.csv").read_text().splitlines()[0]
        assert columns.endswith("loss,val_instance_score,val_panoptic_quality")
        with Image.open(instances_run / "predictions.png") as panel:
            assert panel.height > 2 * 200

    def test_evaluating_again_gives_the_same_numbers(self, instances_run, cells, tmp_path, capsys):
        assert command("evaluate", instances_run, cells, "--json", tmp_path / "r.json") == 0
        results, first = read(tmp_path / "r.json"), read(instances_run / "metrics.json")
        for name in ("instance_score", "true_positives", "false_positives", "false_negatives", "score_by_threshold"):
            assert results[name] == first[name]
        assert "instance score" in capsys.readouterr().out

    def test_runs_are_compared(self, instances_run, cells, tmp_path):
        copy = shutil.copytree(instances_run, tmp_path / "copy")
        assert command("compare", instances_run, copy, "--data", cells, "--json", tmp_path / "c.json") == 0
        first, second = read(tmp_path / "c.json")["models"]
        assert first["instance_score"]["value"] == read(instances_run / "metrics.json")["instance_score"]
        assert second["verdict"] == "unclear"

    def test_predictions_are_the_decoded_output(self, instances_run, cells, tmp_path):
        image = sorted((cells / "val" / "images").iterdir())[0]
        assert command("predict", instances_run, image, "--out", tmp_path) == 0
        with Image.open(tmp_path / "masks" / image.name) as mask:
            assert mask.mode.startswith("I")
            ids = np.asarray(mask)
        model = keras.saving.load_model(instances_run / "model.keras")
        pixels = ks.data.read_image(image).astype("float32")
        p = model.predict(pixels[None], verbose=0)[0]
        np.testing.assert_array_equal(ids, ks.inference.instances(p, **read(instances_run / "decoding.json")))
        with Image.open(tmp_path / "overlays" / image.name) as overlay:
            expected = ks.visualization.outlines(pixels, ids.astype(int))
            np.testing.assert_array_equal(np.asarray(overlay), expected)

    @pytest.mark.slow
    def test_resuming_a_killed_run(self, cells, tmp_path, monkeypatch, refused):
        out = tmp_path / "run"
        start = ("train", cells, "--out", out, "--task", "instances", *TRAIN[2:], "--epochs", 2)
        assert killed(monkeypatch, *start) == 130
        assert "Drop --task" in refused("train", cells, "--out", out, "--resume", "--task", "boundary")
        assert command("train", cells, "--out", out, "--resume") == 0
        assert {item.name for item in out.iterdir()} == {*FILES, "checkpoints"}
        rows = list(csv.DictReader((out / "log.csv").open()))
        assert [row["epoch"] for row in rows] == ["1", "2"]
        assert float(rows[0]["val_instance_score"]) >= 0

    def test_folders_of_objects_and_components(self, cells, tmp_path, capsys):
        data = tmp_path / "data"
        index = ks.data.scan_instances(cells, split="val")
        for position, pair in enumerate(index.pairs):
            white = (index.read_labels(position) > 0).astype("uint8") * 255
            for kind, array in (("images", ks.data.read_image(pair.image)), ("masks", white)):
                (data / kind).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(data / kind / pair.image.name)
        assert command("plan", data, "--task", "instances") == 0
        printed = capsys.readouterr().out
        assert "black and white" in " ".join(printed.split())
        assert "border_width" in printed

    @pytest.mark.slow
    def test_tiles_and_test_time_augmentation(self, instances_run, boundary_run, cells, tmp_path):
        """The scores are put together first and decoded as a whole."""
        image = sorted((cells / "val" / "images").iterdir())[0]
        pixels = ks.data.read_image(image).astype("float32")
        for run, task in ((instances_run, "instances"), (boundary_run, "boundary")):
            out = tmp_path / task
            assert command("predict", run, image, "--out", out, "--tile", 32, "--overlap", 0, "--tta", "hflip") == 0
            model = ks.inference.TestTimeAugmentation(keras.saving.load_model(run / "model.keras"), ["hflip"])
            scores = ks.inference.TiledPredictor(model, 32, overlap=0).predict(pixels)
            settings = read(run / "decoding.json")
            expected = find_task(task).draw(scores, pixels, Decoding(settings, names=()))
            for folder, picture in zip(("masks", "overlays"), expected, strict=True):
                with Image.open(out / folder / image.name) as written:
                    np.testing.assert_array_equal(np.asarray(written), np.asarray(picture))

    def test_representative_images_are_read_as_the_task_reads_them(self, instances_run, boundary_run, cells, shapes):
        for run, data in ((instances_run, cells), (boundary_run, shapes)):
            images, _ = TrainedRun(run).representative_images(data, 100)
            assert [image.shape for image in images] == [(48, 56, 3)] * 6


class TestBoundary:
    def test_a_run_folder_holds_everything(self, boundary_run):
        assert {item.name for item in boundary_run.iterdir()} == FILES
        metrics = read(boundary_run / "metrics.json")
        assert 0 <= metrics["boundary_f_score"] <= 1
        assert metrics["threshold"] == read(boundary_run / "decoding.json")["threshold"]
        labels = read(boundary_run / "labels.json")
        assert labels["names"] == ["inside", "boundary"]
        assert labels["mask_names"] == list(ks.data.SHAPE_NAMES)
        assert read(boundary_run / "plan.json")["choices"]["border_width"]["value"] == 1

    def test_evaluating_again_gives_the_same_numbers(self, boundary_run, shapes, tmp_path, capsys):
        assert command("evaluate", boundary_run, shapes, "--json", tmp_path / "r.json") == 0
        results, first = read(tmp_path / "r.json"), read(boundary_run / "metrics.json")
        assert results["boundary_f_score"] == first["boundary_f_score"]
        assert "boundary F score" in capsys.readouterr().out

    def test_runs_are_compared(self, boundary_run, instances_run, shapes, tmp_path, capsys):
        copy = shutil.copytree(boundary_run, tmp_path / "copy")
        assert command("compare", boundary_run, copy, "--html", tmp_path / "c.html") == 0
        assert "Boundary F score in percent" in (tmp_path / "c.html").read_text()
        said = refusal(capsys, "compare", boundary_run, instances_run)
        assert "was trained with --task instances, and" in said and "Compare runs of one task" in said

    @pytest.mark.parametrize("installed", [True, False])
    def test_masks_have_no_place_on_the_earth(self, boundary_run, shapes, tmp_path, monkeypatch, capsys, installed):
        image = ks.data.read_image(sorted((shapes / "val" / "images").iterdir())[0])
        for name in ("a.tif", "b.tif"):
            pytest.importorskip("made_maps").write(tmp_path / name, image)
        if not installed:
            monkeypatch.setitem(sys.modules, "rasterio", None)
        assert command("predict", boundary_run, *tmp_path.glob("*.tif"), "--out", tmp_path / "out") == 0
        assert {path.name for path in (tmp_path / "out" / "masks").iterdir()} == {"a.png", "b.png"}
        said = " ".join(capsys.readouterr().out.split())
        assert ".tif and 1 more: georeferenced, and the mask is not. Only masks of class ids are written as G" in said

    def test_predictions_are_lines(self, boundary_run, shapes, tmp_path):
        image = sorted((shapes / "val" / "images").iterdir())[0]
        assert command("predict", boundary_run, image, "--out", tmp_path) == 0
        with Image.open(tmp_path / "masks" / image.name) as mask:
            lines = np.asarray(mask)
        model = keras.saving.load_model(boundary_run / "model.keras")
        p = model.predict(ks.data.read_image(image).astype("float32")[None], verbose=0)[0, ..., 1]
        np.testing.assert_array_equal(lines, ks.evaluation.boundary_lines(p, **read(boundary_run / "decoding.json")))
        assert (tmp_path / "overlays" / image.name).exists()


class TestBadInput:
    def test_an_unknown_task(self, cells, tmp_path, refused):
        message = refused("train", cells, "--out", tmp_path / "run", "--task", "instance")
        assert "'instance' is not one of 'semantic', 'multilabel', 'instances', 'boundary'" in message
        assert not (tmp_path / "run").exists()
        with pytest.raises(ks._validation.InputError, match="`task` is not a known option.*Did you mean 'instances'"):
            find_task("instance")

    @pytest.mark.parametrize(
        ("options", "hint"),
        [
            (
                ("--task", "instances", "--num-classes", 3),
                "--num-classes does not apply to --task instances. Received: num_classes=3. Drop --num",
            ),
            (("--task", "instances", "--class-names", "a,b"), "--class-names does not apply"),
            (("--components",), "--components does not apply to --task semantic"),
            (("--task", "instances", "--border-width", 0), "--border-width must be an integer of at least 1"),
            (("--task", "instances", "--components"), "is not a black and white mask. Pass components=False"),
        ],
    )
    def test_options(self, cells, tmp_path, refused, options, hint):
        assert hint in refused("train", cells, "--out", tmp_path / "run", *options)
        assert not (tmp_path / "run").exists()

    def test_border_width_of_a_semantic_run(self, shapes, tmp_path, refused):
        assert "border_width" in refused("train", shapes, "--out", tmp_path / "run", "--border-width", 2)
        assert not (tmp_path / "run").exists()

    def test_a_broken_map(self, cells, tmp_path, refused):
        data = pathlib.Path(shutil.copytree(cells, tmp_path / "data"))
        victim = sorted((data / "val" / "masks").iterdir())[0]
        Image.fromarray(np.zeros((10, 10), "uint8")).save(victim)
        message = refused("train", data, "--out", tmp_path / "run", "--task", "instances")
        assert victim.name in message and "10x10" in message
        assert not (tmp_path / "run").exists()

    def test_data_of_another_task(self, instances_run, boundary_run, cells, shapes, tmp_path, refused):
        message = refused("evaluate", instances_run, shapes, "--json", tmp_path / "r.json")
        assert "names classes" in message
        assert "The run was trained with --task instances and needs maps that number the objects" in message
        many = tmp_path / "many"
        ks.data.write_cells(many, train=1, val=1, image_size=128)
        message = refused("evaluate", boundary_run, many, "--json", tmp_path / "r.json")
        assert "The run was trained with --task boundary and needs masks that hold the id of a class" in message
        assert not (tmp_path / "r.json").exists()

    def test_black_and_white_masks_for_a_run_of_numbers(self, instances_run, cells, tmp_path, refused):
        data = pathlib.Path(shutil.copytree(cells / "val", tmp_path / "data"))
        for file in (data / "masks").iterdir():
            with Image.open(file) as mask:
                white = (np.asarray(mask) > 0).astype("uint8") * 255
            Image.fromarray(white).save(file)
        message = refused("evaluate", instances_run, data)
        assert "holds black and white masks, and the training data maps that number objects" in message

    def test_folders_to_validate_on_are_read_as_those_to_train_on(self, cells, tmp_path, refused):
        white, one, objects = (tmp_path / name for name in ("white", "one", "objects"))
        for folder in (white, one, objects):
            (folder / "masks").mkdir(parents=True)
            shutil.copytree(cells / "val" / "images", folder / "images")
        for file in (cells / "val" / "masks").iterdir():
            with Image.open(file) as mask:
                ids = np.asarray(mask)
            Image.fromarray(ids > 0).save(white / "masks" / file.name)
            Image.fromarray(ids == 1).save(one / "masks" / file.name)
            (objects / "masks" / file.stem).mkdir()
            Image.fromarray(ids == 2).save(objects / "masks" / file.stem / "a.png")
        task = find_task("instances")
        numbers, patches = task.scan(cells, split="val"), task.scan(white)
        assert patches.components and not numbers.components
        for index in (numbers, patches):
            for folder in (one, objects):
                # One patch, or a file for each object, is the same in either reading.
                assert task.scan_like(folder, index).object_counts.tolist() == [1, 1]
                assert len(task.rescan(folder, task.label_schema(index), channels=3)) == 2
        message = refused("train", cells / "val", "--val", white, "--out", tmp_path / "run", "--task", "instances")
        assert "white: holds black and white masks, and the training data maps that number objects" in message
        message = refused("train", white, "--val", cells / "val", "--out", tmp_path / "run", "--task", "instances")
        assert "val: holds maps that number objects, and the training data black and white masks" in message
        assert not (tmp_path / "run").exists()

    def test_rasters(self, instances_run, tmp_path, refused):
        np.save(tmp_path / "a.npy", np.zeros((64, 64, 3), "uint8"))
        message = refused("predict", instances_run, tmp_path / "a.npy", "--out", tmp_path / "p")
        assert "a.npy: rasters get masks of class ids" in message and "PNG" in message
        assert not (tmp_path / "p").exists()

    def test_without_scikit_image(self, instances_run, cells, tmp_path, monkeypatch, refused):
        monkeypatch.setitem(sys.modules, "skimage", None)
        monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
        image = sorted((cells / "val" / "images").iterdir())[0]
        assert 'pip install "keras-seg[instances]"' in refused("predict", instances_run, image, "--out", tmp_path / "p")
        # Before hours of training, not after them.
        message = refused("train", cells, "--out", tmp_path / "run", "--task", "instances", *TRAIN)
        assert 'pip install "keras-seg[instances]"' in message
        assert not (tmp_path / "run").exists()
