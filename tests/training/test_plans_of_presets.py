"""What presets, edited files and measurements make of a plan."""

import itertools
import json

import keras
import numpy as np
import pytest
import tensorflow
from plan_facts import FACTS
from refusals import refused

import keras_seg as ks
from keras_seg import _validation
from keras_seg.optimizers import KernelDecayAdamW
from keras_seg.training import Plan, build_model, make_plan, probe, probed_plan, read_plan
from keras_seg.training.activation_memory import activation_megabytes
from keras_seg.training.batch_rule import _ACTIVATIONS as ACTIVATIONS
from keras_seg.training.choices import Choice
from keras_seg.training.hosts.group import Group
from keras_seg.training.plan import check_plan
from keras_seg.training.presets import PRESETS
from keras_seg.training.tasks.class_widths import class_widths
from keras_seg.training.training_crop import training_crop

pytestmark = pytest.mark.tensorflow_only

THIRDS = dict.fromkeys("abc", 1 / 3)
# One class of poles, three pixels wide.
THIN = {**FACTS, "class_width": {"a": 40.0, "b": 3.0}}


def test_presets():
    plans = {name: make_plan(FACTS, preset=name) for name in PRESETS}
    assert make_plan(FACTS).choices["decoder_stride"] == plans["balanced"].choices["decoder_stride"]
    assert [plan["decoder_stride"] for plan in plans.values()] == [8, 4, 2]
    assert [plan["decoder_convolutions"] for plan in plans.values()] == [1, 1, 2]
    assert [plan["epochs"] for plan in plans.values()] == [25, 50, 150]
    assert [plan["ema"] for plan in plans.values()] == [0, 0, 0.99]
    for name in ("fast", "best"):
        assert f"preset {name}: " in plans[name].choices["decoder_stride"].rule
        assert plans[name].choices["preset"].rule == "given"
    small = {**FACTS, "median_size": [96, 96]}
    assert [make_plan(small, preset=name)["decoder_stride"] for name in PRESETS] == [4, 2, 1]
    # A choice that is given stands above the preset.
    assert make_plan(FACTS, preset="best", decoder_stride=4)["decoder_filters"] == [96, 64, 32]
    with pytest.raises(_validation.InputError, match="`preset` is not a known option.*Did you mean 'best'"):
        make_plan(FACTS, preset="bests")


@pytest.mark.parametrize(
    "changed",
    [
        {"class_names": ["background", "crack"], "ignore_class": [0]},
        {"class_names": ["background", "a", "b"], "num_classes": 3, "class_share": dict.fromkeys("xyz", 1 / 3)},
    ],
)
def test_one_channel_is_for_two_classes(changed):
    assert make_plan(FACTS)["binary"] is False
    for binary in (False, True):
        model = build_model(make_plan(FACTS, decoder_stride=8, binary=binary))
        assert model.output_shape[-1] == (1 if binary else 2)
        assert ks.inference.output_kind.last_activation(model.output) == ("sigmoid" if binary else "softmax")
    with pytest.raises(_validation.InputError, match="`binary` needs two classes that are not ignored"):
        make_plan({**FACTS, **changed}, binary=True)


def test_an_edited_file(tmp_path):
    path = tmp_path / "plan.json"
    content = make_plan(FACTS, minutes=15).to_dict()
    content["choices"]["batch_size"]["value"] = 4
    content["choices"]["learning_rate"] = {"value": 0.002}
    del content["choices"]["ema"]
    path.write_text(json.dumps(content))
    plan = read_plan(path, {**FACTS, "train_images": 500})
    rules = {name: plan.choices[name].rule for name in ("batch_size", "learning_rate", "crop", "minutes", "ema")}
    assert rules["batch_size"] == rules["learning_rate"] == rules["minutes"] == "given"
    assert rules["crop"] == content["choices"]["crop"]["rule"] and rules["ema"].startswith("none")
    # 125 steps of 4 are one pass over 500 images, and the file says 50.
    assert (plan["batch_size"], plan["steps_per_epoch"], plan["epochs"]) == (4, 50, None)
    assert plan.choices["steps_per_epoch"].rule == "given"
    assert plan.fingerprint["train_images"] == 500
    changed = read_plan(path, FACTS, choices={"epochs": 3, "batch_size": 2, "crop": None})
    assert (changed["epochs"], changed["minutes"], changed["batch_size"]) == (3, None, 2)


def test_a_file_of_a_run_changes_nothing(tmp_path):
    path = tmp_path / "plan.json"
    for given in ({}, {"preset": "best"}, {"weights": "none", "backbone": "EfficientNetLite0"}, {"model": "FPN"}):
        plan = make_plan(FACTS, **given)
        path.write_text(json.dumps(plan.to_dict()))
        assert read_plan(path, FACTS) == plan


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not a plan"),
        ('{"choices": {"crop": 4}}', "is not a plan"),
        ('{"choices": {"crops": {"value": 4}}}', "has no choice crops. Remove it"),
        ('{"choices": {"batch_size": {"value": 0}}}', "plan.json: `batch_size` must be an integer of at least 1"),
        ('{"choices": {"batch_size": {"value": null}}}', "plan.json: `batch_size` must have a value"),
        (
            '{"choices": {"epochs": {"value": null}, "minutes": {"value": null}}}',
            "plan.json: `epochs` must have a value",
        ),
        ('{"choices": {"class_weights": {"value": [1, 2, 3]}}}', "plan.json: `class_weights` must hold 2 numbers"),
        ('{"choices": {"scale": {"value": [2, 1]}}}', "plan.json: `scale` must be given as"),
        ('{"choices": {"task": {"value": "boundary"}}}', "`task` must be that of the facts, 'semantic'"),
    ],
)
def test_what_is_no_plan(tmp_path, content, message):
    path = tmp_path / "plan.json"
    path.write_text(content)
    with pytest.raises(_validation.InputError, match=message) as error:
        read_plan(path, FACTS)
    assert "\n" not in str(error.value)
    with pytest.raises(_validation.InputError, match="cannot be read"):
        read_plan(tmp_path / "none.json", FACTS)


def test_what_is_given_beside_a_file(tmp_path):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(make_plan(FACTS).to_dict()))
    with pytest.raises(_validation.InputError, match="`preset` must be that of the file, 'balanced', whose choices"):
        read_plan(path, FACTS, choices={"preset": "best"})
    assert read_plan(path, FACTS, choices={"preset": "balanced"}) == make_plan(FACTS, preset="balanced")
    # What depends on it is chosen again.
    for given in ({"decoder_stride": 8}, {"model": "FPN"}, {"model": "SegNetBasic"}, {"backbone": "MobileNetV2"}):
        found, expected = read_plan(path, FACTS, choices=given), make_plan(FACTS, **given)
        for name in ("backbone", "skips", "decoder_stride", "decoder_filters", "decoder_convolutions"):
            assert found[name] == expected[name], (given, name)
        build_model(found)
    pretrained = {"backbone": "MobileNetV2", "weights": "imagenet"}
    path.write_text(json.dumps(make_plan(FACTS, **pretrained).to_dict()))
    for given in ({"weights": "none"}, {"weights": "none", "backbone": "Compact"}, {"freeze": True}, {"patience": 3}):
        found, expected = read_plan(path, FACTS, choices=given), make_plan(FACTS, **pretrained | given)
        for name in ("train_from", "learning_rate", "keep"):
            assert found.choices[name] == expected.choices[name], (given, name)
    # On a small machine, the batch of a model whose layers take more.
    small = {**FACTS, "memory_megabytes": 4000}
    path.write_text(json.dumps(make_plan(small).to_dict()))
    found, expected = read_plan(path, small, choices={"model": "FPN"}), make_plan(small, model="FPN")
    for name in ("batch_size", "steps_per_epoch"):
        assert found[name] == expected[name] != make_plan(small)[name]
    # Except for what was edited.
    content = make_plan(FACTS).to_dict()
    content["choices"]["decoder_filters"]["value"] = [7, 5]
    path.write_text(json.dumps(content))
    assert read_plan(path, FACTS, choices={"decoder_stride": 8})["decoder_filters"] == [7, 5]


@pytest.fixture
def seconds(monkeypatch):
    """The seconds of a step by decoder stride, in place of a measurement."""
    times = {4: 0.3, 2: 1.0}
    monkeypatch.setattr(
        probe,
        "measure_step",
        lambda plan, clock: {"decoder_stride": plan["decoder_stride"], "step_seconds": times[plan["decoder_stride"]]},
    )
    return times


@pytest.mark.parametrize(("finer", "stride"), [(0.4, 2), (0.6, 4)])
def test_a_finer_decoder_where_there_is_time(seconds, finer, stride):
    """900 s / 0.4 s x 8 crops / 367 images = 49 passes, 900 / 0.6 x 8 / 367 = 32.7."""
    seconds[2] = finer
    plan = probed_plan(THIN, choices={"minutes": 15})
    assert plan["decoder_stride"] == stride
    assert plan["decoder_filters"] == [96, 64, 32, 24][: 3 + (stride == 2)]
    rule = plan.choices["decoder_stride"].rule
    assert rule.startswith("measured: b is 3 pixels wide") and ("49 times" if stride == 2 else "33 times") in rule
    assert [trial["decoder_stride"] for trial in plan.probe] == [4, 2]
    assert plan.choices["decoder_stride"].inputs["step_seconds"] == [0.3, finer]
    again = Plan.from_dict(json.loads(json.dumps(plan.to_dict())))
    assert again.probe == plan.probe and again["decoder_stride"] == stride


@pytest.mark.parametrize(
    ("facts", "choices"),
    [
        (FACTS, {"minutes": 15}),  # Widths are not known.
        ({**THIN, "class_width": {"a": 40.0, "b": None}}, {"minutes": 15}),
        ({**THIN, "class_width": {"a": 40.0, "b": 9.0}}, {"minutes": 15}),
        ({**THIN, "class_share": {"a": 0.9999, "b": 0.0001}}, {"minutes": 15}),  # A few specks.
        (THIN, {}),
        (THIN, {"minutes": 4}),
        (THIN, {"minutes": 15, "decoder_stride": 4}),
        (THIN, {"minutes": 15, "backbone": "MobileNetV2"}),
        (THIN, {"minutes": 15, "model": "FPN"}),  # Which ends where it ends.
    ],
)
def test_nothing_is_measured_without_need(monkeypatch, facts, choices):
    monkeypatch.setattr(probe, "measure_step", None)
    plan = probed_plan(facts, choices=choices)
    assert plan == make_plan(facts, **choices) and "probe" not in plan.to_dict()


def test_a_measurement():
    """The clock is ours: steps take 5, 1, 2 and 3 seconds, and the first one compiles."""
    keras.config.set_dtype_policy("mixed_bfloat16")
    clock = iter(itertools.accumulate([0, 5, 0, 1, 0, 2, 0, 3]))
    facts = {**FACTS, "class_names": ["background", "b"]}
    plan = make_plan(facts, crop=(32, 64), batch_size=2, decoder_stride=16, decoder_filters=[8])
    tensorflow.config.run_functions_eagerly(True)
    found = probe.measure_step(plan, clock=lambda: next(clock))
    tensorflow.config.run_functions_eagerly(False)
    assert found["step_seconds"] == 1
    assert (found["crop"], found["batch_size"], found["decoder_stride"]) == ([32, 64], 2, 16)
    # Keras keeps the devices that share a batch in the same place as the policy: a run would go on with one of them.
    assert keras.config.dtype_policy().name == "mixed_bfloat16"


def test_a_measurement_that_does_not_fit(monkeypatch):
    def step(self, y, p, w=None):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr("keras_seg.losses.Crossentropy.call", step)
    line = refused(probe.measure_step, make_plan(FACTS, crop=(32, 64), batch_size=2, decoder_stride=8))
    fix = "Give a lower `batch_size`."
    assert line == f"The device has not enough memory for batches of 2 crops of 32x64. {fix}"


def test_a_measurement_of_a_batch_that_cannot_be_divided(monkeypatch):
    monkeypatch.setattr(Group, "current", lambda: Group(devices=4))
    line = refused(probe.measure_step, make_plan(FACTS, batch_size=2))
    assert line.startswith("`batch_size` must be a multiple of the number of devices, 4. Received: batch_size=2.")


def test_the_memory_of_activations():
    """Eight maps of the image and their means over two by two, as float32."""
    image = keras.Input((None, None, 3))
    x = keras.layers.AveragePooling2D(2)(keras.layers.Conv2D(8, 3, padding="same")(image))
    model = keras.Model(image, x)
    found = activation_megabytes(model, 1024, 512)
    assert found == (8 * 1024 * 512 + 8 * 512 * 256) * 4 / 2**20


@pytest.mark.parametrize(("name", "backbone"), ACTIVATIONS)
def test_the_memory_that_batches_are_planned_with(name, backbone):
    model = build_model(make_plan(FACTS, model=name, backbone=backbone, weights="none"))
    per_megapixel = activation_megabytes(model, 512, 512) / (512 * 512 / 1e6)
    assert 0.8 * ACTIVATIONS[name, backbone] < per_megapixel <= ACTIVATIONS[name, backbone]


def test_widths_of_strips():
    """Strips of 3 columns and of 2 rows; the rest is wider, and a class of bits is measured by itself."""

    class Index:
        num_classes, class_names = 3, ("rest", "column", "row")

        def __init__(self, labels):
            self.labels = labels

        def sample(self, count):
            return self

        def __len__(self):
            return 1

        def read_labels(self, position):
            return self.labels

    labels = np.zeros((40, 60), "int32")
    labels[:, 20:23] = 1
    assert class_widths(Index(labels))["column"] == 3
    assert class_widths(Index(labels))["row"] is None
    rows = np.zeros((40, 60), "int32")
    rows[10:12] = 1
    bits = (rows << 2) + (labels << 1)
    assert class_widths(Index(bits), overlapping=True) == {"rest": None, "column": 3.0, "row": 2.0}
    rows[rows == 1] = 255  # Ignored pixels have no width.
    assert class_widths(Index(rows)) == {"rest": 2 * 38 * 60 / 120, "column": None, "row": None}


def test_an_average_of_the_weights_replaces_them_at_the_end():
    settings = [build_model(make_plan(FACTS, decoder_stride=8, ema=ema)).optimizer.get_config() for ema in (0.75, None)]
    assert [(found["use_ema"], found["ema_momentum"]) for found in settings] == [(True, 0.75), (False, 0.99)]
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    optimizer = KernelDecayAdamW(0.1, use_ema=True, ema_momentum=0.75)
    model.compile(optimizer, loss="mse")
    model.fit(np.ones((12, 2)), np.ones((12, 1)), batch_size=4, verbose=0)
    for ours, average in zip(model.trainable_variables, optimizer._model_variables_moving_average, strict=True):
        np.testing.assert_array_equal(ours, average)


@pytest.mark.parametrize(
    ("changed", "rare"),
    [
        ({"class_share": {"a": 0.97, "b": 0.03}, "median_size": [2000, 3000]}, [1]),
        ({"class_share": {"a": 0.9, "b": 0.1}, "median_size": [2000, 3000]}, []),
        ({"class_share": {"a": 0.97, "b": 0.03}}, []),  # Crops show most of an image.
        ({"class_share": {"a": 1.0, "b": 0.0}, "median_size": [2000, 3000]}, []),
        ({"class_share": {"a": 0.97, "b": 0.03}, "median_size": [2000, 3000], "ignore_class": [1]}, []),
    ],
)
def test_crops_around_rare_classes(changed, rare):
    plan = make_plan({**FACTS, **changed})
    assert plan["rare_classes"] == rare
    crop = training_crop(plan)
    assert crop.size == tuple(plan["crop"]) and crop.classes == (tuple(rare) or None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([0, 2], "must be ids of classes, 0 to 1. Received"),
        ([1], "must be ids of classes, 0 to 1, that are not ignored. Received"),
        ([-1], "must be an integer of at least 0"),
        (0, "must be a non-empty sequence of integers"),
    ],
)
def test_rare_classes_that_are_no_classes_of_the_data(given, said):
    """Crops around them would lie anywhere."""
    facts = {**FACTS, "ignore_class": [1] if given == [1] else []}
    with pytest.raises(_validation.InputError, match=f"`rare_classes` {said}"):
        make_plan(facts, rare_classes=given)
    plan = make_plan(facts, rare_classes=[0])
    assert plan["rare_classes"] == [0] and make_plan(facts, rare_classes=())["rare_classes"] == ()
    check_plan(plan)
    with pytest.raises(_validation.InputError, match=f"`rare_classes` {said}"):  # Edited in the folder of a run.
        check_plan(Plan(plan.fingerprint, {**plan.choices, "rare_classes": Choice(value=given, rule="given")}))


def test_a_crop_around_rare_classes_holds_them():
    """One pixel of class 1 in a large image: a third of the crops, and hardly any other, hold it."""
    plan = make_plan({**FACTS, "class_share": {"a": 0.97, "b": 0.03}, "median_size": [640, 640]}, crop=(32, 32))
    augment = ks.augmentation.standard(crop=training_crop(plan), scale=1.0)
    again = type(augment).from_config(augment.get_config())
    assert again.get_config() == augment.get_config() and again.random_crop.classes == (1,)
    masks = np.zeros((60, 256, 256), "uint8")
    masks[:, 100, 150] = 1
    crops = again(np.zeros((60, 256, 256, 3), "uint8"), masks, seed=(0, 1))[1].numpy()
    assert 10 <= (crops == 1).any(axis=(1, 2)).sum() <= 32  # 20 expected, with a standard deviation of 3.7.
