"""Runs that train auxiliary heads, which the finished model lacks."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from made_data import scanned, shapes
from plan_facts import FACTS
from same_runs import assert_same_runs

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.training import RunFolder, build_model, fingerprint, fit, make_plan, probe
from keras_seg.training.aux_heads import target_per_output
from keras_seg.training.run_recorder import _Affordable

pytestmark = pytest.mark.slow_off_tensorflow

SMALL = {"model": "PSPNet", "backbone": "Compact", "weights": "none", "crop": 32, "batch_size": 2}


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    return scanned(shapes(tmp_path_factory, train=6, val=3, image_size=(48, 48)))


def test_the_rule(monkeypatch):
    for model in ("PSPNet", "UNetPlusPlus", "PIDNet", "BiSeNetV2"):
        plan = make_plan(FACTS, model=model)
        assert plan["aux"] is True and "which the finished model lacks" in plan.choices["aux"].rule
        assert make_plan(FACTS, model=model, aux=False)["aux"] is False
    assert make_plan(FACTS)["aux"] is False
    several = {**FACTS, "task": "multilabel", "ignore_class": []}
    assert make_plan(several, model="DDRNet")["aux"] is True
    assert make_plan(several, model="PIDNet")["aux"] is False
    with pytest.raises(InputError, match="`aux` finds the borders between classes in PIDNet, which `task="):
        make_plan(several, model="PIDNet", aux=True)
    monkeypatch.setattr("keras_seg.training.aux_heads.importlib.util.find_spec", lambda name: None)
    assert "needs SciPy" in make_plan(FACTS, model="PIDNet").choices["aux"].rule
    assert make_plan(FACTS, model="DDRNet")["aux"] is True


def test_a_model_without_heads_refuses():
    with pytest.raises(InputError, match="`aux` is not an argument of UNet"):
        build_model(make_plan(FACTS, aux=True, weights="none"))


@pytest.mark.parametrize(("model", "weight"), [("PSPNet", 0.4), ("FCN", 0.5), ("UNetPlusPlus", 1.0)])
def test_the_loss_is_the_sum_of_all_heads(model, weight):
    built = build_model(make_plan(FACTS, **{**SMALL, "model": model}))
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 32, 32, 3)).astype("float32")
    masks = rng.integers(0, 3, (2, 32, 32)).astype("int32")  # 2 is ignored.
    plan = make_plan(FACTS, **{**SMALL, "model": model})
    single = ks.losses.Crossentropy(ignore_class=2, class_weights=plan["class_weights"]) + 0.5 * ks.losses.SoftIoU(
        ignore_class=2
    )
    outputs = built(images, training=False)
    each = {name: float(keras.ops.convert_to_numpy(single(masks, output))) for name, output in outputs.items()}
    assert len(each) > 1
    total = sum(value * (1.0 if name == "main" else weight) for name, value in each.items())
    found = built.test_on_batch(images, dict.fromkeys(outputs, masks), return_dict=True)
    assert float(found["loss"]) == pytest.approx(total, rel=1e-4)


def test_borders_are_targets_of_their_own():
    model = build_model(make_plan(FACTS, model="PIDNet", crop=64))
    masks = np.zeros((2, 64, 64), "int32")
    masks[:, 20:40, 10:50] = 1
    masks[:, :, 60:] = 2  # Ignored.
    data = tf.data.Dataset.from_tensors((np.zeros((2, 64, 64, 3), "float32"), masks))
    _, targets = next(iter(target_per_output(model, data, (2,))))
    assert sorted(targets) == ["aux", "aux_border", "main"]
    assert (targets["main"].numpy() == masks).all() and (targets["aux"].numpy() == masks).all()
    expected = ks.data.boundary_targets(np.where(masks[0] == 2, 255, masks[0]), ignore_class=255)
    assert (targets["aux_border"].numpy()[0] == np.where(expected == 255, -1, expected)).all()
    # The losses that the model was compiled with take them.
    assert float(model.test_on_batch(np.zeros((2, 64, 64, 3)), {k: v.numpy() for k, v in targets.items()})[0]) > 0


def test_no_targets_without_heads():
    model = build_model(make_plan(FACTS, weights="none"))
    data = tf.data.Dataset.from_tensors((np.zeros((1, 8, 8, 3)), np.zeros((1, 8, 8))))
    assert target_per_output(model, data, None) is data


class Stop(BaseException):
    """Ends the process, as far as the run can tell."""


class StopAt(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 2:
            raise Stop


def test_a_run_keeps_the_main_output_alone_and_resumes(tmp_path, indices, monkeypatch):
    monkeypatch.setattr(_Affordable, "due", lambda self: True)
    plan = make_plan(fingerprint(*indices), **SMALL, epochs=3, steps_per_epoch=2)
    train, validation = indices

    def run_in(name, **options):
        return fit(plan, train=train, validation=validation, run=tmp_path / name, **options)

    whole = run_in("whole")
    assert isinstance(whole.model.output_shape, tuple)
    saved = keras.saving.load_model(tmp_path / "whole" / "model.keras")
    assert saved.output_shape == (None, None, None, train.num_classes)
    assert not any(layer.name.startswith("aux") for layer in saved.layers)
    with pytest.raises(Stop):
        run_in("stopped", callbacks=[StopAt()])
    assert any(layer.name.startswith("aux") for layer in keras.saving.load_model(
        next((tmp_path / "stopped" / "checkpoints").glob("*.keras"))
    ).layers)  # fmt: skip
    run_in("stopped", resume=True)
    assert_same_runs(RunFolder(tmp_path / "stopped"), RunFolder(tmp_path / "whole"))
    choices = json.loads((tmp_path / "whole" / "plan.json").read_text())["choices"]
    assert choices["aux"]["value"] is True


@pytest.mark.parametrize("given", [SMALL, {"model": "PIDNet", "batch_size": 1, "crop": 64}])
def test_steps_are_timed_with_the_heads(given):
    found = probe.measure_step(make_plan(FACTS, **given))
    assert found["step_seconds"] > 0 and found["activation_megabytes"] > 0
