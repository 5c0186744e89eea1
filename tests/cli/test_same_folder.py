"""`training.fit` and `keras-seg train` leave the same folder."""

import csv
import json
import re

import keras
import numpy as np
import pytest
from PIL import Image

import keras_seg as ks
from keras_seg_cli import main

pytestmark = pytest.mark.tensorflow_only


def content(path):
    """What a file says, without the times that it holds."""
    if path.suffix == ".json":
        return json.loads(path.read_text())
    if path.suffix == ".csv":
        return [{**row, "seconds": None} for row in csv.DictReader(path.open())]
    if path.suffix == ".png":
        with Image.open(path) as image:
            return np.asarray(image).tolist()
    if path.suffix == ".html":
        return re.findall(r"<h2.*?</h2>", path.read_text())
    return [weight.tolist() for weight in keras.saving.load_model(path).get_weights()]


def test_same_folder(tmp_path):
    data, shell, python = (tmp_path / name for name in ("data", "shell", "python"))
    ks.data.write_shapes(data, train=4, val=2, image_size=(40, 48))
    options = ("--epochs", "1", "--batch-size", "2", "--crop", "32x32", "--decoder-stride", "8")
    with pytest.raises(SystemExit) as caught:
        main(["train", str(data), "--out", str(shell), *options])
    assert caught.value.code == 0

    train = ks.data.scan_folder(data, split="train")
    validation = ks.data.scan_folder(data, split="val", encoding=train.encoding)
    facts = ks.training.fingerprint(train, validation)
    plan = ks.training.make_plan(facts, epochs=1, batch_size=2, crop=(32, 32), decoder_stride=8)
    ks.training.fit(plan, train=train, validation=validation, run=python)
    ks.training.RunFolder(python).check_trained()

    names = sorted(file.name for file in shell.iterdir())
    assert sorted(file.name for file in python.iterdir()) == names
    assert "metrics.json" in names and "predictions.png" in names
    for name in names:
        ours, theirs = content(python / name), content(shell / name)
        if name == "model.keras":
            for one, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
        elif name in ("plan.json", "labels.json"):
            assert ours == theirs
        elif name == "metrics.json":
            assert ours.keys() == theirs.keys() and ours["data"] == theirs["data"]
            assert ours["mean_iou"] == pytest.approx(theirs["mean_iou"], abs=0.01)
        elif name == "log.csv":
            assert [row.keys() for row in ours] == [row.keys() for row in theirs]
            assert float(ours[0]["loss"]) == pytest.approx(float(theirs[0]["loss"]), rel=1e-4)
        else:
            assert np.shape(ours) == np.shape(theirs)
