"""Training in bfloat16: where plans choose it, which layers compute in it, and a finished model in float32."""

import json

import keras
import numpy as np
import pytest
from made_data import scanned, shapes
from plan_facts import FACTS

import keras_seg as ks
from keras_seg._validation import InputError
from keras_seg.training import RunFolder, build_model, fingerprint, fit, make_plan, probe, probed_plan, processor
from keras_seg.training.trained_run import TrainedRun

NEW = {**FACTS, "bfloat16": True}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return scanned(shapes(tmp_path_factory, train=8, val=4, image_size=(64, 64)))


@pytest.mark.parametrize(
    ("flags", "has"),
    [("fpu avx2 avx512_bf16 fma", True), ("fpu amx_bf16", True), ("fpu avx2 fma", False), ("avx512_bf16x", False)],
)
def test_the_flags_of_processors(tmp_path, monkeypatch, flags, has):
    monkeypatch.undo()  # Of `any_processor`.
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nmodel name\t: avx512_bf16\nflags\t\t: {flags}\n\nprocessor\t: 1\nflags\t: fpu\n")
    monkeypatch.setattr(processor, "_CPU_INFO", info)
    assert processor.has_bfloat16() is has


def test_other_systems_have_no_such_file(tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(processor, "_CPU_INFO", tmp_path / "none")
    assert processor.has_bfloat16() is False


@pytest.mark.parametrize(
    ("facts", "policy"),
    [
        (FACTS, "float32"),  # A fingerprint of before there was this fact.
        ({**FACTS, "bfloat16": False}, "float32"),
        (NEW, "mixed_bfloat16"),
        ({**NEW, "device": "gpu"}, "float32"),
        ({**NEW, "dtype_policy": "mixed_float16"}, "mixed_float16"),
    ],
)
def test_the_rule(facts, policy):
    plan = make_plan(facts)
    assert plan["dtype_policy"] == policy
    assert make_plan(facts, dtype_policy="float32")["dtype_policy"] == "float32"


def test_a_policy_that_is_not_offered():
    with pytest.raises(InputError, match="`dtype_policy` is not a known option.*mixed_bfloat16"):
        make_plan(FACTS, dtype_policy="bfloat16")


def test_facts(data, monkeypatch):
    assert fingerprint(*data)["bfloat16"] is False and "dtype_policy" not in fingerprint(*data)
    monkeypatch.setattr(processor, "has_bfloat16", lambda: True)
    keras.config.set_dtype_policy("mixed_float16")
    facts = fingerprint(*data)
    assert facts["bfloat16"] is True and make_plan(facts)["dtype_policy"] == facts["dtype_policy"] == "mixed_float16"


def computes(model):
    """The types in which the layers with weights compute, by kind of layer, and of the rest by name."""
    layers = list(model._flatten_layers(include_self=False))
    return {(type(layer).__name__, layer.compute_dtype) for layer in layers if layer.weights}, {
        layer.name: layer.compute_dtype for layer in layers
    }


@pytest.mark.parametrize("backbone", ["Compact", pytest.param("EfficientNetLite0", marks=pytest.mark.tensorflow_only)])
def test_what_computes_in_bfloat16(backbone):
    given = {"backbone": backbone, "weights": "none", "crop": 64, "batch_size": 2}
    model = build_model(make_plan(NEW, **given))
    kinds, names = computes(model)
    assert ("Conv2D", "bfloat16") in kinds and ("Conv2D", "float32") not in kinds
    if backbone == "EfficientNetLite0":
        assert ("DepthwiseConv2D", "float32") in kinds and ("DepthwiseConv2D", "bfloat16") not in kinds
    assert names["probabilities"] == "float32"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
    on_gpu = computes(build_model(make_plan({**NEW, "device": "gpu"}, dtype_policy="mixed_bfloat16", **given)))[0]
    assert ("DepthwiseConv2D", "float32") not in on_gpu
    # The same plan in float32 begins with the same function.
    keras.utils.set_random_seed(0)
    ours = build_model(make_plan(NEW, **given))
    keras.utils.set_random_seed(0)
    theirs = build_model(make_plan(NEW, dtype_policy="float32", **given))
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    np.testing.assert_allclose(ours.predict(image, verbose=0), theirs.predict(image, verbose=0), atol=0.02)
    assert {dtype for _, dtype in computes(theirs)[0]} == {"float32"}


def test_a_policy_outlives_an_error():
    """Making the model fails within; the policy of the process is what it was."""
    with pytest.raises(InputError):
        build_model(make_plan(NEW, model="SegNet", skips="narrow"))
    assert keras.config.dtype_policy().name == "float32"


def planned(data, **given):
    facts = {**fingerprint(*data), "bfloat16": True}
    return make_plan(facts, **{"batch_size": 4, "steps_per_epoch": 2, "epochs": 2, **given})


@pytest.mark.parametrize("keep", ["last", pytest.param("best", marks=pytest.mark.tensorflow_only)])
def test_the_finished_model_computes_in_float32(data, tmp_path, keep):
    plan = planned(data, keep=keep)
    assert plan["dtype_policy"] == "mixed_bfloat16"
    result = fit(plan, train=data[0], validation=data[1], run=tmp_path / "run")
    run = RunFolder(tmp_path / "run")
    saved = run.load_model()
    for model in (result.model, saved):
        assert {layer.compute_dtype for layer in model._flatten_layers()} == {"float32"}
    image = np.random.default_rng(0).uniform(0, 255, (1, 64, 64, 3)).astype("float32")
    ours, theirs = (np.array(model.predict(image, verbose=0)) for model in (result.model, saved))
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, theirs)
    # What was judged is what was saved.
    metrics = json.loads(run.metrics_file.read_text())
    assert TrainedRun(run).evaluate(saved, data[1]).to_dict()["mean_iou"] == metrics["mean_iou"]


def test_an_interrupted_run_resumes_in_bfloat16(data, tmp_path):
    """Ended after one of three epochs: the weights at the end are those of a run without a break."""
    plan = planned(data, epochs=3)

    class Ended(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                raise KeyboardInterrupt

    whole = fit(plan, train=data[0], validation=data[1], run=tmp_path / "whole").model
    keras.utils.clear_session(free_memory=False)
    with pytest.raises(KeyboardInterrupt):
        fit(plan, train=data[0], validation=data[1], run=tmp_path / "run", callbacks=[Ended()])
    run = RunFolder(tmp_path / "run")
    held = ks.training.checkpoint.load_checkpoint(run).model
    assert ("Conv2D", "bfloat16") in computes(held)[0]
    resumed = fit(run.load_plan(), train=data[0], validation=data[1], run=run, resume=True).model
    for ours, theirs in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(np.array(ours), np.array(theirs))


@pytest.fixture
def seconds(monkeypatch):
    """The seconds of a step by dtype policy, in place of a measurement."""
    times = {"float32": 1.0, "mixed_bfloat16": 0.5}

    def measured(plan, clock):
        names = ("decoder_stride", "dtype_policy")
        return {**{name: plan[name] for name in names}, "step_seconds": times[plan["dtype_policy"]]}

    monkeypatch.setattr(probe, "measure_step", measured)
    return times


@pytest.mark.parametrize(
    ("device", "slower", "policy"),
    [("cpu", 0.94, "mixed_bfloat16"), ("cpu", 0.96, "float32"), ("gpu", 0.5, "mixed_bfloat16")],
)
def test_a_measured_policy(seconds, device, slower, policy):
    seconds["mixed_bfloat16"] = slower
    plan = probed_plan({**NEW, "device": device}, choices={"minutes": 15, "backbone": "MobileNetV2"})
    assert plan["dtype_policy"] == policy
    rule = f"measured: a step takes 1 seconds in float32 and {slower:.2g} in mixed_bfloat16"
    assert plan.choices["dtype_policy"].rule == rule
    assert [trial["dtype_policy"] for trial in plan.probe] == ["float32", "mixed_bfloat16"]


def test_what_was_measured_already_is_not_again(seconds):
    """Two strides are measured in the policy of the rule; the chosen one in the other policy as well."""
    thin = {**NEW, "class_width": {"a": 40.0, "b": 3.0}}
    plan = probed_plan(thin, choices={"minutes": 15})
    assert [(trial["decoder_stride"], trial["dtype_policy"]) for trial in plan.probe] == [
        (4, "mixed_bfloat16"), (2, "mixed_bfloat16"), (plan["decoder_stride"], "float32")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "given"),
    [(FACTS, {}), (NEW, {"dtype_policy": "float32"}), ({**NEW, "dtype_policy": "mixed_float16"}, {})],
)
def test_no_policy_is_measured_without_a_choice(monkeypatch, facts, given):
    monkeypatch.setattr(probe, "measure_step", None)
    assert probed_plan(facts, choices={"minutes": 15, **given}).probe == ()


def test_a_step_is_measured_in_its_policy(monkeypatch):
    seen = []
    real = probe.build_model
    monkeypatch.setattr(probe, "build_model", lambda plan: seen.append(real(plan)) or seen[-1])
    plan = make_plan(NEW, crop=(32, 64), batch_size=2, decoder_stride=16, decoder_filters=[8])
    assert probe.measure_step(plan)["dtype_policy"] == "mixed_bfloat16"
    assert ("Conv2D", "bfloat16") in computes(seen[0])[0]
