"""A finished model whose logits take the class weights of its loss back."""

import dataclasses
import json

import keras
import numpy as np
import pytest
from made_data import scanned, shapes
from PIL import Image

import keras_seg as ks
from keras_seg.data.pipeline.decoded_store import DecodedStore
from keras_seg.metrics import Interval
from keras_seg.training import RunFolder, build_model, fingerprint, fit, make_plan
from keras_seg.training.tasks import find_task, semantic

GAIN = Interval(value=0.01, low=0.004, high=0.02, level=0.95, samples=np.zeros(1))
TASK = find_task("semantic")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return scanned(shapes(tmp_path_factory, train=8, val=4, image_size=(64, 64)))


@pytest.fixture
def half(monkeypatch):
    """Whatever the images say, a half is chosen."""
    found = semantic.choose_logit_adjustment.__globals__["LogitAdjustment"](0.5, GAIN)
    monkeypatch.setattr(semantic, "choose_logit_adjustment", lambda *_: found)


def planned(data, **given):
    return make_plan(fingerprint(*data), epochs=1, batch_size=4, weights="none", **given)


def first_image(data):
    return DecodedStore(data[1]).get(0)[0][None].astype("float32")


def adjusted(probabilities, weights):
    scores = probabilities * np.asarray(weights) ** -0.5
    return scores / scores.sum(axis=-1, keepdims=True)


@pytest.mark.slow_off_tensorflow
def test_the_saved_model_is_adjusted_once(data, tmp_path, half, monkeypatch):
    plan, image = planned(data), first_image(data)
    found = fit(plan, train=data[0], validation=data[1], run=tmp_path / "adjusted")
    run = RunFolder(tmp_path / "adjusted")
    monkeypatch.undo()
    plain = fit(plan, train=data[0], validation=data[1], run=tmp_path / "plain")
    assert plain.decoding.keys() <= {"postprocessing"}
    kept = json.loads(run.decoding_file.read_text())["logit_adjustment"]
    assert kept == found.decoding["logit_adjustment"] == {"strength": 0.5, "gain": [0.01, 0.004, 0.02]}
    assert run.load_metrics()["decoding"]["logit_adjustment"] == kept
    expected = adjusted(keras.ops.convert_to_numpy(plain.model(image)), plan["class_weights"])
    for model in (found.model, run.load_model()):
        np.testing.assert_allclose(keras.ops.convert_to_numpy(model(image)), expected, atol=1e-4)
    # A run that was interrupted after the model was saved ends without adjusting it again.
    weights = run.load_model().get_weights()
    run.report_file.unlink()
    again = fit(plan, train=data[0], validation=data[1], run=run, resume=True)
    assert again.decoding["logit_adjustment"] == kept
    for one, other in zip(weights, run.load_model().get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert "take 50% of the class weights" in run.report_file.read_text(encoding="utf-8")


def test_nothing_where_nothing_is_chosen_or_weighted(data, monkeypatch):
    model = build_model(planned(data))
    before = model.get_weights()
    assert TASK.adjust(model, data[1], planned(data)) == {}  # Four images are too few.
    monkeypatch.setattr(semantic, "choose_logit_adjustment", lambda *_: pytest.fail("there are no weights"))
    without = planned(data)
    choices = {**without.choices, "class_weights": dataclasses.replace(without.choices["class_weights"], value=None)}
    assert TASK.adjust(model, data[1], dataclasses.replace(without, choices=choices)) == {}
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_other_models_stay(data, half):
    inputs = keras.Input((None, None, 3))
    scores = keras.layers.ReLU()(keras.layers.Conv2D(data[0].num_classes, 1)(inputs))
    model = keras.Model(inputs, keras.layers.Softmax()(scores))
    before = model.get_weights()
    assert TASK.adjust(model, data[1], planned(data)) == {}
    np.testing.assert_array_equal(before[1], model.get_weights()[1])


def test_one_channel(tmp_path, half):
    draws = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for number in range(4):
        mask = np.zeros((64, 64), "uint8")
        mask[8 : 12 + number, 8:20] = 1
        Image.fromarray(draws.integers(0, 255, (64, 64, 3)).astype("uint8")).save(tmp_path / "images" / f"{number}.png")
        Image.fromarray(mask).save(tmp_path / "masks" / f"{number}.png")
    index = ks.data.scan_folder(tmp_path, num_classes=2)
    plan, image = planned((index, index), binary=True), first_image((index, index))
    model = build_model(plan)
    before = keras.ops.convert_to_numpy(model(image)).astype("float64")
    assert before.shape[-1] == 1
    assert TASK.adjust(model, index, plan)["logit_adjustment"]["strength"] == 0.5
    expected = adjusted(np.concatenate([1 - before, before], axis=-1), plan["class_weights"])[..., 1:]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(model(image)), expected, atol=1e-4)


def test_channels_of_edges_are_not_the_classes_of_the_masks(data, half):
    plan = make_plan(fingerprint(*data, task="boundary"))
    image = keras.Input((None, None, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 1, activation="softmax")(image))
    before = model.get_weights()
    assert plan["class_weights"] is not None
    assert find_task("boundary").adjust(model, data[1], plan) == {}
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
