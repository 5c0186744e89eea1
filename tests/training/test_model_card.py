"""Model cards: what they say, and what they leave alone."""

import json
import re

import pytest
from plan_facts import FACTS
from refusals import refused

from keras_seg.training import RunFolder, make_plan, write_model_card

pytestmark = pytest.mark.tensorflow_only

METRICS = {
    "split": "validation", "images": 101, "mean_iou": 0.614, "mean_iou_interval": [0.58, 0.65], "epoch": 4,
    "iou": {"sky|a": 0.7, "<pole>": None},
}  # fmt: skip
EXPORT = {
    "format": "tflite", "quantize": "int8", "size_bytes": 2**20, "agreement": 0.99, "max_abs_difference": 0.01,
    "milliseconds": 3.0, "mean_iou": None, "input": "int8", "output": "class_ids", "input_shape": [1, 360, 480, 3],
}  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """A run folder, as far as a card reads it, with an export."""
    run = RunFolder(tmp_path / "run")
    run._create(make_plan({**FACTS, "class_names": ["sky|a", "<pole>"]}), {})
    run.model_file.touch()
    run.metrics_file.write_text(json.dumps(METRICS))
    exported(run.path, "model.tflite")
    return run


def exported(folder, name):
    folder.mkdir(exist_ok=True)
    (folder / name).touch()
    (folder / "export_report.json").write_text(json.dumps({name: EXPORT, "other.tflite": EXPORT}))
    (folder / "other.tflite").touch()
    return folder / name


def test_what_a_card_says(run):
    card = write_model_card(run)
    assert card == run.path / "README.md"
    text = card.read_text()
    assert re.match(r"---\nlicense: unknown\n", text)
    for words in (
        "UNet on Compact, trained on 367 images.",
        "| mean IoU | 61.4 (58.0 to 65.0, 95 %) |",
        r"| IoU of sky\|a | 70.0 |",
        r"| IoU of \<pole\> | absent |",
        "one channel per class: 0 sky\\|a, 1 \\<pole\\>",
        "| images | 367 to train on, 101 to validate on |",
        "| crop | 320, 416 | 90% of the median image",
        "`model.tflite` (tflite, input int8, values -128..127, compared at 360 x 480):",
        "ids = interpreter.get_tensor(",
    ):
        assert words in text
    assert str(run.path.parent) not in text  # Cards are published.
    assert not re.search(r"[^\\]<pole", text)


def test_a_model_of_one_channel(tmp_path):
    run = RunFolder(tmp_path / "run")
    run._create(make_plan({**FACTS, "class_names": ["ground", "road|a"], "ignore_class": [255]}, binary=True), {})
    run.model_file.touch()
    run.metrics_file.write_text(json.dumps(METRICS))
    text = write_model_card(run).read_text()
    assert "Output: one channel, the probability of road\\|a; otherwise a pixel is ground." in text
    assert "one channel per class" not in text


def test_what_people_write_is_kept(run):
    card = write_model_card(run)
    text = card.read_text().replace("license: unknown", "license: apache-2.0") + "\nThanks to the annotators.\n"
    card.write_text(text)
    run.metrics_file.write_text(json.dumps({**METRICS, "mean_iou": 0.5}))
    write_model_card(run)
    again = card.read_text()
    assert again == text.replace("61.4 (58.0", "50.0 (58.0")
    write_model_card(run)
    assert card.read_text() == again


def test_beside_an_export_elsewhere(run, tmp_path):
    export = exported(tmp_path / "app", "small.tflite")
    card = write_model_card(run, export=export)
    assert card == tmp_path / "app" / "README.md"
    assert "small.tflite" in card.read_text() and "other.tflite" not in card.read_text()
    assert "was not written by an export" in refused(write_model_card, run, export=tmp_path / "app" / "no.tflite")


def test_other_readmes_are_left_alone(run, tmp_path):
    export = exported(tmp_path / "app", "small.tflite")
    (export.parent / "README.md").write_text("# The app")
    card = write_model_card(run, export=export)
    assert card == export.parent / "small.tflite.md" == write_model_card(run, export=export)
    assert (export.parent / "README.md").read_text() == "# The app"
    card.write_text("mine")
    assert "small.tflite.md: is not the card of" in refused(write_model_card, run, export=export)
    (run.path / "README.md").write_text("mine")
    assert "is left alone" in refused(write_model_card, run)
    run.model_file.unlink()
    assert "its training has not ended" in refused(write_model_card, run)
