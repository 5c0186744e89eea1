"""Postprocessing of a run: chosen, written, followed, said, and left out when asked."""

import json
import pathlib
import shutil

import made_data
import numpy as np
import pytest
from PIL import Image
from shell import command, refusal, trained_by_command

import keras_seg as ks

pytestmark = pytest.mark.tensorflow_only

# Whatever the model predicts: nothing of class 1 is that large.
REMOVED = "circle, square, triangle, ring, cross, star: components under 100000 pixels are removed"
RULES = {"keep_largest": [], "min_sizes": {str(class_): 100_000 for class_ in range(1, 7)}, "fill_holes": []}


@pytest.fixture(scope="module")
def shapes(tmp_path_factory):
    return made_data.shapes(tmp_path_factory, train=8, val=7, image_size=(48, 56))


@pytest.fixture(scope="module")
def finished(shapes, tmp_path_factory):
    return trained_by_command(tmp_path_factory, shapes, "--epochs", 1, "--batch-size", 2, "--crop", "32x32")


@pytest.fixture
def cleaned(finished, tmp_path):
    """The run with a postprocessing that was chosen."""
    run = pathlib.Path(shutil.copytree(finished, tmp_path / "run"))
    decoding = json.loads((run / "decoding.json").read_text())
    decoding["postprocessing"] |= {"chosen": RULES, "gain": [0.01, 0.001, 0.02]}
    (run / "decoding.json").write_text(json.dumps(decoding))
    return run


def test_a_run_keeps_what_was_tried(finished):
    tried = json.loads((finished / "decoding.json").read_text())["postprocessing"]
    assert tried["images"] == 7 and tried["trials"]
    assert {trial["verdict"] for trial in tried["trials"]} <= {"taken", "helps", "unclear", "harms"}
    metrics = json.loads((finished / "metrics.json").read_text())
    assert metrics["mean_iou"] == pytest.approx(tried["mean_iou"] + (tried["gain"] or [0])[0])
    assert "Postprocessing" in (finished / "report.html").read_text()


def masks_of(out):
    return np.stack([np.asarray(Image.open(path)) for path in sorted((out / "masks").iterdir())])


def test_predict_and_evaluate_follow_it_and_say_so(cleaned, shapes, tmp_path, capsys):
    images = shapes / "val" / "images"
    assert command("predict", cleaned, images, "--out", tmp_path / "with") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "components under 100000 pixels are removed" in said and "--no-postprocessing" in said
    assert command("predict", cleaned, images, "--out", tmp_path / "without", "--no-postprocessing") == 0
    assert "Postprocessing" not in capsys.readouterr().out
    plain = masks_of(tmp_path / "without")
    clean = ks.inference.Postprocessing.from_dict(RULES)
    assert len(np.unique(plain)) > 1
    np.testing.assert_array_equal(masks_of(tmp_path / "with"), clean(plain))

    results = {}
    for name, options in (("with", ()), ("without", ("--no-postprocessing",))):
        file = tmp_path / f"{name}.json"
        assert command("evaluate", cleaned, shapes, "--json", file, *options) == 0
        assert ("Postprocessing" in capsys.readouterr().out) == (name == "with")
        results[name] = json.loads(file.read_text())
    counts = np.bincount(clean(plain).ravel(), minlength=7)
    assert np.sum(results["with"]["confusion"], axis=0).tolist() == counts.tolist()
    assert results["with"]["postprocessing"] == RULES
    assert not any(results["without"]["postprocessing"].values())
    assert np.sum(results["without"]["confusion"], axis=0).tolist() == np.bincount(plain.ravel(), minlength=7).tolist()


def test_tiles_follow_it_and_rasters_say_that_they_do_not(cleaned, shapes, tmp_path, capsys):
    image = sorted((shapes / "val" / "images").iterdir())[0]
    np.save(tmp_path / "raster.npy", ks.data.read_image(image))
    assert command("predict", cleaned, image, "--out", tmp_path / "tiles", "--tile", "64x64") == 0
    assert "without the postprocessing" not in capsys.readouterr().out
    plain = tmp_path / "plain"
    assert command("predict", cleaned, image, "--out", plain, "--tile", "64x64", "--no-postprocessing") == 0
    clean = ks.inference.Postprocessing.from_dict(RULES)
    np.testing.assert_array_equal(masks_of(tmp_path / "tiles"), clean(masks_of(plain)))
    assert command("predict", cleaned, tmp_path / "raster.npy", "--out", tmp_path / "rasters") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "raster.npy is predicted row by row, without the postprocessing of the run." in said


def test_the_report_shows_it(cleaned, shapes, capsys):
    assert command("report", cleaned, shapes) == 0
    page = (cleaned / "report.html").read_text()
    assert f"Predictions are postprocessed ({REMOVED})" in page
    assert "All numbers on this page are with it" in page
    assert command("evaluate", cleaned, shapes) == 0


def test_a_damaged_file_is_refused_in_one_line(cleaned, shapes, tmp_path, capsys):
    decoding = json.loads((cleaned / "decoding.json").read_text())
    decoding["postprocessing"]["chosen"] = {"min_sizes": {"sky": 3}}
    (cleaned / "decoding.json").write_text(json.dumps(decoding))
    assert "decoding.json: cannot be read" in refusal(capsys, "evaluate", cleaned, shapes)
    (cleaned / "decoding.json").write_text(json.dumps({"postprocessing": [1]}))
    assert "decoding.json: cannot be read" in refusal(capsys, "evaluate", cleaned, shapes)


def test_other_tasks_have_none(finished, shapes, tmp_path, capsys):
    run = pathlib.Path(shutil.copytree(finished, tmp_path / "run"))
    plan = json.loads((run / "plan.json").read_text())
    plan["choices"]["task"]["value"] = "boundary"
    (run / "plan.json").write_text(json.dumps(plan))
    said = refusal(capsys, "evaluate", run, shapes, "--no-postprocessing")
    assert "--no-postprocessing does not apply to" in said


def test_an_export_says_that_it_is_not_in_the_file(cleaned, tmp_path, capsys):
    assert command("export", cleaned, "--size", "48x56", "--out", tmp_path / "model.tflite") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"Postprocessing not part of the file (predict and evaluate apply it to the file too): {REMOVED}" in said


def test_compare_says_which_runs_have_it(cleaned, finished, capsys):
    assert command("compare", finished, cleaned) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "components under 100000 pixels are removed" in said and "Warning" not in said


def test_compare_says_which_runs_were_trained_on_the_images(cleaned, finished, shapes, tmp_path, capsys):
    page, results = tmp_path / "page.html", tmp_path / "results.json"
    metrics = json.loads((cleaned / "metrics.json").read_text())
    (cleaned / "metrics.json").write_text(json.dumps({**metrics, "train_data": "elsewhere"}))
    for options, count in (((), 0), (("--split", "train"), 1)):
        files = ("--html", page, "--json", results)
        assert command("compare", finished, cleaned, "--data", shapes, *options, *files) == 0
        said = "".join(capsys.readouterr().out.split())
        assert said.count("wastrainedontheseimages") == count
        assert (f"Warning:{finished}wastrainedontheseimages" in said) == bool(count)
        warning = f"Warning: {finished} was trained on these images"
        assert page.read_text().count(warning) == count
        assert sum(text.startswith(warning) for text in json.loads(results.read_text())["notices"]) == count


def test_compare_says_which_runs_had_images_on_another_scale(cleaned, finished, shapes, tmp_path, capsys):
    labels = json.loads((cleaned / "labels.json").read_text())
    (cleaned / "labels.json").write_text(json.dumps({**labels, "image_range": [0, 40]}))
    assert command("compare", finished, cleaned, "--data", shapes, "--html", tmp_path / "page.html") == 0
    notice = f"{cleaned}: Images hold values from 0 to 255, but the training images held values from 0 to 40"
    assert "".join(f"Note: {notice}".split()) in "".join(capsys.readouterr().out.split())
    page = (tmp_path / "page.html").read_text()
    assert page.count(notice) == page.count("the training images held") == 1
