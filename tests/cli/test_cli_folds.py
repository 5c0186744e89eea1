"""Folds from the shell: trained, scored out of fold, resumed, and used like a run."""

import json
import pathlib
import shutil

import keras
import made_data
import numpy as np
import pytest
from PIL import Image
from shell import command, killed, refusal, trained_by_command

import keras_seg as ks
from keras_seg_cli import folds as cli_folds

pytestmark = [
    pytest.mark.tensorflow_only,
    pytest.mark.slow,
]  # A run of two folds, trained; `fit_folds` has tests of its own.

FOLDS = ("--folds", 2)
TRAIN = ("--epochs", 1, "--batch-size", 2, "--crop", "32x32", "--decoder-stride", 8)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=8, val=3, image_size=(32, 40))


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    return trained_by_command(tmp_path_factory, shapes, *FOLDS, *TRAIN)


@pytest.fixture
def copied(finished, tmp_path):
    return pathlib.Path(shutil.copytree(finished, tmp_path / "run"))


def ends(run):
    """(modification time of each fold's model)."""
    return [(run / f"fold{number}" / "model.keras").stat().st_mtime_ns for number in (1, 2)]


def test_the_folder_holds_a_run_per_fold_and_the_ensemble(finished):
    names = {item.name for item in finished.iterdir()}
    assert names - {"decoding.json"} == {
        "fold1", "fold2", "folds.json", "plan.json", "labels.json", "metrics.json", "report.html", "ensemble.keras",
    }  # fmt: skip
    for number in (1, 2):
        fold = finished / f"fold{number}"
        assert {"model.keras", "metrics.json", "report.html", "plan.json", "log.csv"} <= set(map(str, names_in(fold)))
        facts = json.loads((fold / "plan.json").read_text())["fingerprint"]
        assert facts["fold"] == [number, 2] and facts["train_images"] == facts["validation_images"] == 4


def names_in(folder):
    return [item.name for item in folder.iterdir()]


def test_scores_are_out_of_fold(finished, shapes):
    metrics = json.loads((finished / "metrics.json").read_text())
    folds = [json.loads((finished / f"fold{number}" / "metrics.json").read_text()) for number in (1, 2)]
    assert metrics["split"] == "out of fold" and metrics["images"] == 8
    assert [fold["images"] for fold in metrics["folds"]] == [4, 4]
    tuned = json.loads((finished / "decoding.json").read_text())["postprocessing"]
    assert tuned["images"] == 8, "chosen on the predictions of all folds"
    if not any(tuned["chosen"].values()):
        total = np.sum([fold["confusion"] for fold in folds], axis=0)
        assert metrics["confusion"] == total.tolist()
    low, high = metrics["mean_iou_interval"]
    assert low <= metrics["mean_iou"] <= high
    assert set(metrics["iou_intervals"]) == set(ks.data.SHAPE_NAMES)
    assert metrics["test"]["images"] == 3 and metrics["test"]["data"] == str(shapes)


def test_the_page_tells_it(finished):
    page = (finished / "report.html").read_text()
    metrics = json.loads((finished / "metrics.json").read_text())
    assert f"Mean IoU is {100 * metrics['mean_iou']:.1f} on 8 images" in page
    assert f"The ensemble has {100 * metrics['test']['mean_iou']:.1f} on 3 test images" in page
    assert "Kept as test images of the ensemble, in no fold: the split val" in page
    assert "--folds 2" in page and "fold2" in page
    fold = (finished / "fold2" / "report.html").read_text()
    assert "--folds 2" in fold and "this is fold 2" in fold


@pytest.mark.parametrize("name", ["", "ensemble.keras"])
def test_predict_and_evaluate_take_it_like_a_run(finished, shapes, tmp_path, capsys, name):
    image = sorted((shapes / "val" / "images").iterdir())[0]
    out = tmp_path / "out"
    options = ("--no-postprocessing",)
    assert command("predict", finished / name, image, "--out", out, *options) == 0
    ids = np.asarray(Image.open(out / "masks" / f"{image.stem}.png"))
    models = [keras.saving.load_model(finished / f"fold{number}" / "model.keras") for number in (1, 2)]
    expected = ks.inference.predict_classes(ks.inference.Ensemble(models), ks.data.read_image(image)[None])[0]
    np.testing.assert_array_equal(ids, expected)
    assert command("evaluate", finished / name, shapes, "--json", tmp_path / "r.json") == 0
    assert "was trained on" not in capsys.readouterr().out
    results = json.loads((tmp_path / "r.json").read_text())
    metrics = json.loads((finished / "metrics.json").read_text())
    assert results["confusion"] == metrics["test"]["confusion"]
    assert command("evaluate", finished / name, shapes, "--split", "train") == 0
    assert "Warning: the model was trained on these images" in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_export_and_report_take_it_like_a_run(copied, tmp_path):
    assert command("export", copied, "--size", "32x40") == 0
    assert (copied / "model.tflite").exists()
    assert command("report", copied) == 0
    assert "model.tflite" in (copied / "report.html").read_text()
    assert command("benchmark", copied) == 0
    assert (
        command(
            "compare", copied, copied / "fold1", "--data", json.loads((copied / "metrics.json").read_text())["data"]
        )
        == 0
    )


def test_the_report_of_a_fold_is_made_again(copied, finished):
    before = (copied / "fold1" / "report.html").read_text()
    (copied / "fold1" / "report.html").unlink()
    assert command("report", copied / "fold1") == 0
    after = (copied / "fold1" / "report.html").read_text()
    # The same images: the title holds the path, the footer a time.
    assert before.split("<h2")[1].partition("</table>")[0] == after.split("<h2")[1].partition("</table>")[0]
    # The folds themselves need no new prediction.
    (copied / "report.html").unlink()
    assert command("report", copied) == 0
    assert (copied / "report.html").exists()


def test_resuming_skips_finished_folds(copied, shapes, capsys):
    for name in ("ensemble.keras", "metrics.json", "report.html"):
        (copied / name).unlink()
    first = json.loads((copied / "fold1" / "metrics.json").read_text())
    before = ends(copied)
    assert command("train", shapes, "--out", copied, "--resume", *FOLDS) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Fold 1 of 2: finished already" in said and "Fold 2 of 2: finished already" in said
    assert ends(copied) == before
    assert json.loads((copied / "fold1" / "metrics.json").read_text()) == first
    assert json.loads((copied / "metrics.json").read_text())["images"] == 8
    assert (copied / "ensemble.keras").exists()


def test_a_fold_that_was_trained_and_not_evaluated_is_evaluated(copied, shapes):
    before = ends(copied)
    for file in (copied / "ensemble.keras", copied / "fold2" / "metrics.json", copied / "fold2" / "report.html"):
        file.unlink()
    assert command("train", shapes, "--out", copied, "--resume") == 0
    assert ends(copied) == before
    assert (copied / "fold2" / "metrics.json").exists() and (copied / "ensemble.keras").exists()


@pytest.mark.slow
def test_an_interrupted_fold_resumes(shapes, tmp_path, monkeypatch):
    run = tmp_path / "run"
    options = ("--epochs", 3, *TRAIN[2:], *FOLDS)
    assert killed(monkeypatch, "train", shapes, "--out", run, *options) == 130
    assert (run / "fold1" / "checkpoints" / "state.json").exists() and not (run / "fold2").exists()
    assert command("train", shapes, "--out", run, "--resume") == 0
    assert (run / "ensemble.keras").exists()
    plan = json.loads((run / "fold2" / "plan.json").read_text())
    assert plan["choices"]["epochs"]["value"] == 3 and plan["choices"]["crop"]["value"] == [32, 32]


@pytest.mark.slow
def test_a_plain_run_replaces_folds(copied, shapes):
    (copied / "mine.txt").write_text("kept")
    (copied / "fold1" / "mine.txt").write_text("kept")
    assert command("train", shapes, "--out", copied, *TRAIN, "--overwrite") == 0
    assert not (copied / "folds.json").exists() and not (copied / "fold2").exists()
    assert names_in(copied / "fold1") == ["mine.txt"] and (copied / "mine.txt").exists()
    assert (copied / "model.keras").exists() and not (copied / "ensemble.keras").exists()


def planned(monkeypatch, *arguments):
    """What `train --folds` would do: the folds, before any is trained."""

    made = []

    def stop(runs):
        made.append(runs)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(cli_folds, "_describe", stop)
        assert command("train", *arguments) == 130
    return made[0]


def test_minutes_are_divided_and_it_is_said(shapes, tmp_path, monkeypatch, capsys):
    runs = planned(monkeypatch, shapes, "--out", tmp_path / "run", "--folds", 4, "--minutes", 6)
    assert [fold.plan["minutes"] for fold in runs.folds] == [1.5] * 4
    cli_folds._describe(runs)
    said = " ".join(capsys.readouterr().out.split())
    assert "4, with 2 images to validate on" in said and "6 minutes are divided: 1.5 for each fold" in said
    assert "Kept as test images of the ensemble, in no fold: the split val" in said


def test_groups_are_kept_and_remembered(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    ks.data.write_shapes(folder, train=6, val=1, image_size=(32, 32))
    shutil.move(folder / "train", tmp_path / "plain")
    for kind in ("images", "masks"):
        for number, file in enumerate(sorted((tmp_path / "plain" / kind).iterdir())):
            file.rename(file.with_name(f"p{number // 2}_{number}.png"))
    if (folder / "labels.json").exists():
        shutil.copy(folder / "labels.json", tmp_path / "plain" / "labels.json")
    run = tmp_path / "run"
    runs = planned(monkeypatch, tmp_path / "plain", "--out", run, "--folds", 3, "--group-by", "^[^_]+")
    for fold in runs.folds:
        assert len({pair.image.name[:2] for pair in fold.validation.pairs}) == 1 and len(fold.validation) == 2
    assert runs.test is None
    assert json.loads((run / "plan.json").read_text())["fingerprint"]["group_by"] == "^[^_]+"


class TestRefusals:
    def test_folds_and_images(self, shapes, tmp_path, capsys):
        def said(*options):
            return refusal(capsys, "train", shapes, "--out", tmp_path / "run", *options)

        assert "--folds must be an integer of at least 2" in said("--folds", 1)
        assert "--folds must be at most the number of images, 8" in said("--folds", 9)
        assert "--folds must be at most the number of groups of images, 1" in said("--folds", 2, "--group-by", "^0")
        assert "finds no group in the name" in said("--folds", 2, "--group-by", "^x")
        assert "Drop --plan" in said("--folds", 2, "--task", "boundary", "--plan", shapes / "labels.json")
        assert "must be a finite number" in said("--folds", 2, "--minutes", 0.0001)
        assert not (tmp_path / "run").exists()

    def test_resuming(self, copied, shapes, tmp_path, capsys):
        def said(*options):
            return refusal(capsys, "train", shapes, "--out", copied, *options)

        assert "its training has ended" in said("--resume")
        (copied / "ensemble.keras").unlink()
        assert "--folds must be that of the run, 2" in said("--resume", "--folds", 3)
        assert "--epochs cannot be given with --resume" in said("--resume", "--epochs", 3)
        assert "holds a run already" in said("--folds", 2)
        (copied / "folds.json").unlink()
        assert "is a run without folds" in said("--resume", "--folds", 2)
        # Not ended: no command takes the ensemble.
        assert "holds no model.keras" in refusal(capsys, "evaluate", copied, shapes)

    def test_other_data(self, copied, tmp_path, capsys):
        (copied / "ensemble.keras").unlink()
        ks.data.write_shapes(tmp_path / "other", train=5, val=1, image_size=(32, 40))
        said = refusal(capsys, "train", tmp_path / "other", "--out", copied, "--resume")
        assert "has 5 images, and the run was begun with 8" in said

    def test_other_test_images(self, copied, shapes, tmp_path, capsys):
        (copied / "ensemble.keras").unlink()
        ks.data.write_shapes(tmp_path / "other", train=1, val=2, image_size=(32, 40))
        options = ("--val", tmp_path / "other", "--resume")
        said = refusal(capsys, "train", shapes, "--out", copied, *options)
        assert "was begun with 3 test images; now there are 2. Give the same --val folder" in said

    def test_a_folder_in_the_way(self, shapes, tmp_path, capsys):
        run = tmp_path / "run"
        assert not run.exists()
        (run / "fold1").mkdir(parents=True)
        (run / "fold1" / "mine.txt").write_text("kept")
        said = refusal(capsys, "train", shapes, "--out", run, *FOLDS, *TRAIN)
        assert "holds files that do not belong to a run" in said

    def test_what_needs_images_that_were_not_trained_on(self, copied, tmp_path, capsys):
        metrics = json.loads((copied / "metrics.json").read_text())
        plain = pathlib.Path(shutil.copytree(pathlib.Path(metrics["data"]) / "train", tmp_path / "plain"))
        labels = pathlib.Path(metrics["data"]) / "labels.json"
        if labels.exists():
            shutil.copy(labels, plain / "labels.json")
        said = refusal(capsys, "benchmark", copied, plain)
        assert "was trained on all images of" in said
