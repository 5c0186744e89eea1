"""A pretrained backbone of which the first layers stay as they are."""

import keras
import numpy as np
import pytest
from plan_facts import FACTS, installed

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.training import build_model, make_plan

pytestmark = pytest.mark.tensorflow_only


def test_the_rule(monkeypatch):
    """On a CPU, with pretrained weights for three channels, and unless time does not matter."""
    installed(monkeypatch, "EfficientNetLite0")
    plan = make_plan(FACTS)
    assert plan["train_from"] == "P3" and plan["freeze"] is False
    assert "makes a step a quarter shorter" in plan.choices["train_from"].rule
    assert "preset best: all layers are trained" in make_plan(FACTS, preset="best").choices["train_from"].rule
    others = [
        make_plan(FACTS, preset="best"),
        make_plan(FACTS, preset="fast"),
        make_plan({**FACTS, "device": "gpu"}),
        make_plan(FACTS, weights="none"),
        make_plan(FACTS, weights="imagenet", freeze=True),
        make_plan(FACTS, train_from="all"),
        make_plan(FACTS, model="DDRNet"),
        make_plan({**FACTS, "channels": 4}, backbone="MobileNetV2", weights="imagenet"),
    ]
    assert {plan["train_from"] for plan in others} == {"all"}
    assert make_plan({**FACTS, "device": "gpu"}, train_from="P5")["train_from"] == "P5"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train_from": "P3"}, "`train_from` needs pretrained weights that are trained"),
        ({"freeze": True, "weights": "none"}, "`freeze` needs pretrained weights, or the backbone stays as it was"),
        ({"train_from": "P3", "weights": "w.pth", "freeze": True}, "`train_from` needs pretrained weights"),
        ({"train_from": "P3", "model": "FCN8s"}, "`train_from` needs pretrained weights"),
        ({"train_from": "p3", "weights": "w.pth"}, "`train_from` is not a known option.*Did you mean 'P3'"),
    ],
)
def test_what_has_no_effect_is_refused(given, said):
    with pytest.raises(InputError, match=said):
        make_plan(FACTS, **given)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    weights = tmp_path_factory.mktemp("weights") / "compact.weights.h5"
    ks.backbones.Compact().save_weights(weights)
    model = build_model(make_plan(FACTS, backbone="Compact", weights=str(weights), crop=64))
    return model, tmp_path_factory.mktemp("model") / "model.keras"


def values(model, prefix):
    return {
        variable.path: np.array(variable)
        for variable in model.get_layer("backbone").variables
        if variable.path.split("/")[0].startswith(prefix)
    }


def test_the_layers_before_stay(model):
    model, path = model
    early, late = values(model, ("stage1", "stage2")), values(model, ("stage3", "stage4", "stage5"))
    assert early and late
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (2, 64, 64, 3)).astype("float32")
    model.train_on_batch(images, random.integers(0, 2, (2, 64, 64)).astype("int32"))
    for name, value in values(model, ("stage1", "stage2")).items():
        np.testing.assert_array_equal(value, early[name])
    for name, value in values(model, ("stage3", "stage4", "stage5")).items():
        assert not np.array_equal(value, late[name]), name
    model.save(path)
    again = keras.models.load_model(path)
    assert [v.path for v in again.trainable_variables] == [v.path for v in model.trainable_variables]
    assert len(again.optimizer.variables) == len(model.optimizer.variables)
