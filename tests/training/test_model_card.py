"""Model cards: what they say, and what they leave alone."""

import json
import re

import keras
import numpy as np
import pytest
from plan_facts import FACTS
from refusals import refused

import keras_seg as ks
from keras_seg.training import RunFolder, make_plan, write_model_card
from keras_seg.training.model_facts import digest_of

pytestmark = pytest.mark.tensorflow_only

METRICS = {
    "split": "validation", "images": 101, "mean_iou": 0.614, "mean_iou_interval": [0.58, 0.65], "epoch": 4,
    "iou": {"sky|a": 0.7, "<pole>": None},
}  # fmt: skip
EXPORT = {
    "format": "tflite", "quantize": "int8", "size_bytes": 2**20, "agreement": 0.99, "max_abs_difference": 0.01,
    "milliseconds": 3.0, "mean_iou": None, "input": "int8", "output": "class_ids", "input_shape": [1, 360, 480, 3],
    "outputs": ["class_ids"],
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
        'ids = run(image=(image[None].astype("int16") - 128).astype("int8"))["class_ids"]',
    ):
        assert words in text
    assert str(run.path.parent) not in text  # Cards are published.
    assert not re.search(r"[^\\]<pole", text)


def test_the_code_of_a_card_gives_the_scores(run, monkeypatch):
    """Of a file for any size, and with the class ids, which come first in the file, beside them."""
    pytest.importorskip("ai_edge_litert")
    entrance = keras.Input((None, None, 3))
    model = keras.Model(entrance, keras.layers.Conv2D(3, 1, activation="softmax")(entrance))
    ks.export.tflite(model, run.path / "new.tflite", input_size=(None, None), output="both")
    blocks = re.findall(r"```python\n(.*?)```", write_model_card(run).read_text(), re.S)
    (code,) = [block for block in blocks if "new.tflite" in block]
    image = np.random.default_rng(0).integers(0, 256, (33, 47, 3)).astype("uint8")
    scope = {"image": image}
    monkeypatch.chdir(run.path)
    exec(code, scope)
    np.testing.assert_allclose(scope["scores"], model.predict_on_batch(image[None].astype("float32")), atol=1e-3)


def test_an_ignored_class_is_not_called_absent(run):
    plan = run.load_plan()
    plan.fingerprint["ignore_class"] = [1]
    run.plan_file.write_text(json.dumps(plan.to_dict()))
    assert r"| IoU of \<pole\> | ignored |" in write_model_card(run).read_text()


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


def test_a_new_run_in_the_folder_empties_its_cards(run):
    card = write_model_card(run)
    text = card.read_text().replace("license: unknown", "license: apache-2.0") + "\nThanks to the annotators.\n"
    for name in ("README.md", "model.tflite.md"):
        (run.path / name).write_text(text)
    (run.path / "notes.md").write_text("mine")
    (run.path / "latin.md").write_bytes(b"\xe9")
    run._create(run.load_plan(), {})
    for name in ("README.md", "model.tflite.md"):
        emptied = (run.path / name).read_text()
        assert "license: apache-2.0" in emptied and emptied.endswith("\nThanks to the annotators.\n")
        assert "The model of this run was replaced." in emptied
        assert "mean IoU" not in emptied and "tflite" not in emptied
    assert (run.path / "notes.md").read_text() == "mine" and (run.path / "latin.md").read_bytes() == b"\xe9"
    run.model_file.touch()
    run.metrics_file.write_text(json.dumps({**METRICS, "mean_iou": 0.5}))
    exported(run.path, "model.tflite")
    assert write_model_card(run).read_text() == text.replace("61.4 (58.0", "50.0 (58.0")


def test_beside_an_export_elsewhere(run, tmp_path):
    export = exported(tmp_path / "app", "small.tflite")
    card = write_model_card(run, export=export)
    assert card == tmp_path / "app" / "README.md"
    assert "small.tflite" in card.read_text() and "other.tflite" not in card.read_text()
    assert "was not written by an export" in refused(write_model_card, run, export=tmp_path / "app" / "no.tflite")


def test_exports_of_one_model_share_a_card(run, tmp_path):
    """The shell names the model in the file: runs of one name may export into one folder."""
    entrance = keras.Input((8, 8, 3))
    model = keras.Model(entrance, keras.layers.Conv2D(2, 1, activation="softmax")(entrance / 255.0))
    folder, digest = tmp_path / "app", digest_of(run.model_file)
    folder.mkdir()
    for name, of in (("one", digest), ("another", "of another run"), ("two", digest)):
        ks.export.saved_model(model, folder / name, facts={"model_file": of})
    text = write_model_card(run, export=folder / "two").read_text()
    assert "`one` (saved_model" in text and "`two` (saved_model" in text and "`another`" not in text


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
