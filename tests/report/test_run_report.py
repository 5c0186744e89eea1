"""The page about a run: whole, without a network, for every task and for data that lacks something."""

import html.parser
import json
import re
import shutil

import numpy as np
import pytest
from made_data import scanned, trained
from PIL import Image

import keras_seg as ks
from keras_seg import _validation
from keras_seg.report.folds_page import folds_page
from keras_seg.report.run_page import train_command
from keras_seg.training import RunFolder, write_report
from keras_seg_cli import main

pytestmark = pytest.mark.tensorflow_only

PLAN = {
    "choices": {},
    "fingerprint": {
        "train_images": 1, "validation_images": 1, "median_size": [20, 24], "channels": 3, "device": "cpu",
        "cores": 1, "backend": "tensorflow",
    },
}  # fmt: skip


class Checked(html.parser.HTMLParser):
    """What a page holds; fails for tags that are not closed."""

    VOID = {"meta", "img", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.pictures, self.ids, self.addresses, self.headings = [], [], [], [], []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        if tag == "img":
            self.pictures.append(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.addresses += [attrs[name] for name in ("href", "src") if name in attrs]

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def checked(path):
    """The page of a file, when it is accessible and needs no other file."""
    text = path.read_text(encoding="utf-8")
    page = Checked(text)
    assert len(page.ids) == len(set(page.ids))
    for address in page.addresses:
        assert address.startswith("data:image/") or address[1:] in page.ids, address
    assert not re.search(r"https?://|@import|url\(", text)
    for picture in page.pictures:
        assert picture["alt"]
    assert "prefers-color-scheme: dark" in text and "width=device-width" in text
    assert "nan" not in page.text.split("addEventListener")[0].replace("binary", "").split()
    return page


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "my <shapes>"
    ks.data.write_shapes(folder, train=6, val=9, image_size=(48, 56))
    return folder


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    return trained(tmp_path_factory.mktemp("runs") / "run", *scanned(data))


class TestSemantic:
    def test_everything_is_there(self, run):
        page = checked(run.report_file)
        assert page.headings == [
            "Classes", "Data", "Training", "Confusions", "Edges and sizes", "Calibration", "Postprocessing", "Images",
            "Exports", "Plan", "Reproduce",
        ]  # fmt: skip
        # Two best, two median, three worst images, of four pictures each.
        assert len(page.pictures) == 28
        for name in ks.data.SHAPE_NAMES:
            assert name in page.text
        assert "my <shapes>" in page.text and "my <shapes>" not in run.report_file.read_text()
        assert "keras-seg train" in page.text and "--batch-size 2" in page.text and "--crop 32x32" in page.text
        assert "steps_per_epoch" in page.text and "--val" not in page.text
        assert "9 of 9 validation images were examined" in page.text

    def test_the_score_is_that_of_the_run(self, run):
        expected = 100 * run.load_metrics()["mean_iou"]
        assert f"Mean IoU is {expected:.1f} on 9 images" in checked(run.report_file).text

    def test_written_again_with_an_export(self, run, data, tmp_path):
        copy = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
        ks.export.tflite(copy.load_model(), copy.path / "model.tflite", input_size=(48, 56))
        assert "None yet" in checked(copy.report_file).text
        with pytest.raises(SystemExit) as caught:
            main(["report", str(copy.path)])
        assert caught.value.code == 0
        page = checked(copy.report_file)
        assert "model.tflite" in page.text and "None yet" not in page.text
        # A file that is gone is not shown.
        (copy.path / "model.tflite").unlink()
        assert "None yet" in checked(write_report(copy, data=data)).text

    def test_other_data_is_refused(self, run, data, tmp_path):
        other = tmp_path / "other"
        ks.data.write_shapes(other, train=6, val=2, image_size=(48, 56))
        with pytest.raises(_validation.InputError, match="has validation_images=2, and .*run was begun with"):
            write_report(run, data=other)
        moved = RunFolder(shutil.copytree(run.path, tmp_path / "run"))
        text = moved.metrics_file.read_text().replace("my <shapes>", "gone")
        moved.metrics_file.write_text(text)
        with pytest.raises(_validation.InputError, match="gone: no such folder.*Pass the folder as `data`"):
            write_report(moved)

    def test_other_masks_of_as_many_images_are_refused(self, run, data, tmp_path):
        """Masks decide how images are divided: some that were trained on could be among those that are scored."""
        changed = tmp_path / "changed"
        shutil.copytree(data, changed)
        first, second, *_ = sorted((changed / "val" / "masks").iterdir())
        shutil.copy(second, first)
        said = "has other images or masks to validate on than .*run was begun with. Pass the folder of the run"
        with pytest.raises(_validation.InputError, match=said):
            write_report(run, data=changed)

    def test_a_sample_of_many_images(self, run, data):
        index = ks.data.scan_folder(data, split="val")
        found = ks.report.examine_semantic(run.load_model(), index, most=4)
        assert (found.images, found.total) == (4, 9)
        assert found.cost.startswith("4 of 9 validation images were examined, evenly spread")

    def test_the_same_page_every_time(self, run, data):
        index, model = ks.data.scan_folder(data, split="val"), run.load_model()
        first, second = (ks.report.examine_semantic(model, index) for _ in range(2))
        assert first.sections == second.sections and first.summary == second.summary


class TestCompare:
    def test_from_the_shell(self, run, data, tmp_path, capsys):
        copy = tmp_path / "copy [red]"
        shutil.copytree(run.path, copy)
        files = ("--html", tmp_path / "c.html", "--json", tmp_path / "c.json")
        with pytest.raises(SystemExit) as caught:
            main(["compare", f"{run.path}/", str(copy), *map(str, files)])
        assert caught.value.code == 0
        assert "+0.0 to +0.0" in capsys.readouterr().out
        first, second = json.loads((tmp_path / "c.json").read_text())["models"]
        assert first["mean_iou"]["value"] == pytest.approx(run.load_metrics()["mean_iou"])
        assert second["verdict"] == "unclear" and second["difference"]["value"] == 0
        page = checked(tmp_path / "c.html")
        assert "is not shown to differ from" in page.text and "copy [red]" in page.text
        given = ks.training.compare_runs([run.path, copy], data=data)
        assert given.to_dict() == json.loads((tmp_path / "c.json").read_text())

    def test_what_cannot_be_compared(self, run, tmp_path):
        with pytest.raises(_validation.InputError, match="must name at least two runs"):
            ks.training.compare_runs([run.path])
        with pytest.raises(_validation.InputError, match="must name different runs"):
            ks.training.compare_runs([run.path, f"{run.path}/"])
        with pytest.raises(_validation.InputError, match="`split` applies to `data` only"):
            ks.training.compare_runs([run.path, tmp_path], split="val")
        other = RunFolder(shutil.copytree(run.path, tmp_path / "other"))
        labels = other.labels_file.read_text()
        other.labels_file.write_text(labels.replace(ks.data.SHAPE_NAMES[1], "blob"))
        with pytest.raises(_validation.InputError, match="other: has other classes than .*blob"):
            ks.training.compare_runs([run.path, other])


def test_weights_that_were_not_wanted_are_not_in_the_command_either():
    """A plan holds "none" as None. What a rule has chosen is left to the rule."""
    choices = {
        "weights": {"value": None, "rule": "given"},
        "minutes": {"value": None, "rule": "given"},
        "patience": {"value": 5, "rule": "given"},
    }
    plan = {"choices": choices, "fingerprint": {}}
    assert train_command(plan, "data") == "keras-seg train data --out NEW_RUN --weights none --patience 5"
    choices["weights"]["rule"] = "no pretrained weights are installed"
    assert train_command(plan, "data") == "keras-seg train data --out NEW_RUN --patience 5"


def test_a_single_channel_and_one_image(tmp_path):
    """A model with a sigmoid, one validation image of one class, no log: what does not apply is left out."""
    import keras

    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    random = np.random.default_rng(0)
    Image.fromarray(random.integers(0, 256, (20, 24, 3), dtype="uint8")).save(tmp_path / "images" / "a.png")
    Image.fromarray(np.zeros((20, 24), "uint8")).save(tmp_path / "masks" / "a.png")
    index = ks.data.scan_folder(tmp_path, num_classes=2)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(1, 1, activation="sigmoid")(inputs))
    found = ks.report.examine_semantic(model, index)
    assert "Calibration" in {section.title for section in found.sections}
    (tmp_path / "report.html").write_text(
        ks.report.run_page(found, name="run", data="data", plan=PLAN, log=[], score="mean IoU", notices=["A <note>."])
    )
    page = checked(tmp_path / "report.html")
    assert "A <note>." in page.text and "absent" in page.text and "Training" not in page.headings
    # The images that it was validated on are in another folder.
    assert f"keras-seg train data --val {tmp_path} --out NEW_RUN" in page.text
    assert f"keras-seg evaluate run {tmp_path}\n" in page.text
    assert f"keras-seg report run data --val {tmp_path} " in page.text


@pytest.mark.parametrize("splits", [("",), ("train",), ("train", "val")])
def test_evaluate_is_not_given_the_images_that_were_trained_on(tmp_path, splits):
    """As where the images to validate on were set aside from those to train on."""
    data = str(tmp_path)
    for split in splits:
        (tmp_path / split / "images").mkdir(parents=True)
    found = ks.report.Examination(images=1, total=1, data=data, seconds=0.0, summary="", facts=(), sections=())
    page = Checked(ks.report.run_page(found, name="run", data=data, plan=PLAN, log=[], score="mean IoU"))
    if "val" in splits:
        assert page.text.count(f"keras-seg evaluate run {data}") == 2 and "TEST_DATA" not in page.text
    else:
        assert f"keras-seg evaluate run TEST_DATA   # not {data}, which was trained on\n" in page.text
        assert "keras-seg evaluate run TEST_DATA --tta hflip " in page.text
        assert f"keras-seg evaluate run {data}" not in page.text


@pytest.mark.parametrize(("test", "folders"), [(None, "d"), ("d", "d"), ("a b", "d --val 'a b'")])
def test_the_test_images_of_folds_are_in_the_command(test, folders):
    scores = {"images": 2, "mean_iou": 0.5, "mean_iou_interval": None}
    of_test = None if test is None else {"data": test, **scores}
    page = folds_page(
        {"data": "d", **scores, "folds": [scores] * 2, "test": of_test},
        name="run",
        plan={"choices": {}, "fingerprint": {}},
        given={"folds": 2},
        settings={},
        score="mean IoU",
        exports={},
    )
    assert f"keras-seg train {folders} --out NEW_RUN --folds 2\n" in Checked(page).text


def test_ignored_classes_of_folds_are_not_called_absent():
    scores = {"images": 2, "mean_iou": 0.5, "mean_iou_interval": None, "iou": {"a": 0.5, "b": None, "c": None}}
    found = {"data": "d", **scores, "folds": [scores] * 2, "iou_intervals": dict.fromkeys("abc")}
    plan = {"choices": {}, "fingerprint": {"class_names": list("abc"), "ignore_class": [1, 255]}}
    options = {"name": "run", "plan": plan, "given": {"folds": 2}, "settings": {}, "score": "mean IoU", "exports": {}}
    page = Checked(folds_page({**found, "test": {"data": "t", **scores}}, **options)).text
    assert page.count("ignored") == page.count("absent") == 2  # Out of fold, and on test images.


def test_a_comparison_does_not_call_ignored_classes_absent():
    matrices = np.array([[[0, 0, 0], [0, 5, 1], [0, 1, 5]]] * 2)
    found = ks.evaluation.Evaluation(
        confusion=matrices.sum(axis=0),
        class_names=("void", "a", "b"),
        images=2,
        image_accuracy=np.zeros(2),
        image_confusion=matrices,
        ignore_class=(0,),
    )
    compared = ks.evaluation.compare({"one": found, "other": found})
    page = Checked(ks.report.comparison_page(compared, data="data")).text
    assert re.search(r"void\s*none\s*none", page) and "absent" not in page


def test_instances(tmp_path):
    ks.data.write_cells(tmp_path / "data", train=4, val=3, image_size=48)
    train, validation = (ks.data.scan_instances(tmp_path / "data", split=split) for split in ("train", "val"))
    run = trained(tmp_path / "run", train, validation, task="instances")
    page = checked(run.report_file)
    assert page.headings == ["Objects", "Data", "Training", "Images", "Exports", "Plan", "Reproduce"]
    assert f"Instance score is {100 * run.load_metrics()['instance_score']:.1f} on 3 images" in page.text
    assert "--task instances" in page.text
    # Objects in every size bin together are all objects.
    assert len(page.pictures) == 12


def test_boundaries(tmp_path, data):
    train, validation = (ks.data.scan_folder(data, split=split) for split in ("train", "val"))
    run = trained(tmp_path / "run", train, validation, task="boundary")
    page = checked(run.report_file)
    assert page.headings == ["Thresholds", "Data", "Training", "Images", "Exports", "Plan", "Reproduce"]
    assert f"Boundary F score is {100 * run.load_metrics()['boundary_f_score']:.1f} on 9 images" in page.text
