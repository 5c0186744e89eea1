"""Run folders: resuming to the same weights, whole files, validation that stays cheap."""

import contextlib
import csv
import dataclasses
import json
import math
import os
import pathlib
import re
import resource
import shutil

import keras
import numpy as np
import pytest
from made_data import scanned, shapes
from refusals import refused
from same_runs import assert_same_runs

import keras_seg as ks
from keras_seg import _files, _validation
from keras_seg._memory import is_out_of_memory
from keras_seg.training import Plan, RunFolder, fingerprint, fit, make_plan
from keras_seg.training.best_epoch import BestEpoch
from keras_seg.training.checkpoint import Checkpoint, load_checkpoint, load_epoch, save_checkpoint
from keras_seg.training.choices import Choice
from keras_seg.training.hosts.group import Group
from keras_seg.training.kept_state import DivergedError, kept_state, with_kept_state
from keras_seg.training.out_of_memory import out_of_memory
from keras_seg.training.run_recorder import _Affordable, check_finite
from keras_seg.training.tasks import find_task


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    return scanned(shapes(tmp_path_factory, train=6, val=3, image_size=(48, 48)))


LABELS = {"names": [], "ignore_class": []}


def make_run(path, indices, **given):
    plan = make_plan(fingerprint(*indices), steps_per_epoch=2, batch_size=2, crop=(32, 32), decoder_stride=8, **given)
    return RunFolder(path), plan


def trained(plan, indices, run, **options):
    return fit(plan, train=indices[0], validation=indices[1], run=run, **options).model


def of_epochs(path, indices, epochs):
    run, plan = make_run(path, indices, epochs=epochs)
    return trained(plan, indices, run)


def started_run(path, indices):
    """A run folder as it is before the first epoch."""
    run, plan = make_run(path, indices)
    run._create(plan, LABELS)
    return run, plan


class Killed(BaseException):
    """Ends the process, as far as the run can tell."""


@pytest.fixture
def killed_before(monkeypatch):
    """A block in which the process is killed before a file of a name is put in place: nothing is cleaned up."""

    @contextlib.contextmanager
    def block(name):
        replace, rmtree, dead = os.replace, shutil.rmtree, []

        def replace_or_die(source, target):
            if pathlib.Path(target).name == name:
                dead.append(name)
                raise Killed
            replace(source, target)

        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(os, "replace", replace_or_die)
            patch.setattr(shutil, "rmtree", lambda *where, **options: None if dead else rmtree(*where, **options))
            yield
        keras.utils.clear_session()

    return block


class At(keras.callbacks.Callback):
    """Calls a function when an epoch begins."""

    def __init__(self, epoch, do):
        super().__init__()
        self.epoch, self.do = epoch, do

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            self.do()


@pytest.fixture
def always_save(monkeypatch):
    monkeypatch.setattr(_Affordable, "due", lambda self: True)


def begun_beside_a_whole_run(tmp_path, indices, epochs):
    """The run "killed" and its plan, for comparison with the run "whole", which is trained."""
    of_epochs(tmp_path / "whole", indices, epochs)
    return make_run(tmp_path / "killed", indices, epochs=epochs)


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, indices, always_save, killed_before):
    """At the moments between two files; tests/cli/test_kill_9.py kills processes at random ones."""
    run, plan = begun_beside_a_whole_run(tmp_path, indices, 4)
    with killed_before("plan.json"):
        trained(plan, indices, run)
    assert "interrupted before training began" in refused(run.check_startable, resume=True)
    with killed_before("epoch_00003.keras"):
        trained(plan, indices, run)
    assert kept_state(run) == "the state after epoch 2"
    with killed_before("report.html"):
        trained(run.load_plan(), indices, run, resume=True)
    assert kept_state(run) == "the trained model"
    trained(run.load_plan(), indices, run, resume=True)
    assert_same_runs(run, RunFolder(tmp_path / "whole"))


@pytest.mark.slow
def test_a_checkpoint_without_its_state_file_is_no_checkpoint(tmp_path, indices, always_save, killed_before):
    run, plan = begun_beside_a_whole_run(tmp_path, indices, 3)
    with killed_before("state.json"):
        trained(plan, indices, run)
    assert kept_state(run) is None and len(list(run.checkpoints.glob("epoch_*"))) == 1
    trained(plan, indices, run, resume=True)
    assert_same_runs(run, RunFolder(tmp_path / "whole"))


@pytest.mark.slow
def test_what_ends_a_run_is_told_and_the_run_goes_on(tmp_path, tmp_path_factory):
    """Images that vanish or break, and a full disk."""
    folder = shapes(tmp_path_factory, train=6, val=3, image_size=(48, 48))
    indices, choices = scanned(folder), {"epochs": 20, "cache": False}
    whole, plan = make_run(tmp_path / "whole", indices, **choices)
    trained(plan, indices, whole)
    run, _ = make_run(tmp_path / "run", indices, **choices)
    images, away = folder / "train" / "images", tmp_path / "images"
    shutil.copytree(images, away)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)

    def tear():
        for image in images.iterdir():
            image.write_bytes(image.read_bytes()[:60])

    for resume, harm, said in (
        (False, lambda: shutil.rmtree(images), "images/.*: there is no such file"),
        (True, tear, r"images/.*: the image cannot be read"),
        (True, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1])), "cannot be written .*Free some"),
    ):
        try:
            line = refused(trained, plan, indices, run, resume=resume, callbacks=[At(1, harm)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert re.search(rf"{said}.* Kept: the state after epoch \d+\. Then continue with `resume=True`\.", line), line
        shutil.copytree(away, images, dirs_exist_ok=True)
    trained(plan, indices, run, resume=True)
    assert_same_runs(run, whole)


@pytest.mark.slow_off_tensorflow
@pytest.mark.slow
def test_resuming_without_the_checkpoint_would_differ(tmp_path, indices, always_save):
    """Guards the test above: four epochs and two epochs do not end at the same weights anyway."""
    models = [of_epochs(tmp_path / str(epochs), indices, epochs) for epochs in (4, 2)]
    pairs = zip(*(model.get_weights() for model in models), strict=True)
    differences = [np.abs(whole - short).max() for whole, short in pairs]
    assert max(differences) > 1e-2


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize("killed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_best_epoch_is_kept_and_a_run_ends_early(tmp_path, indices, monkeypatch, killed_before, killed, ema):
    scores, weights = {1: 0.2, 2: 0.5, 3: 0.4, 4: math.nan, 5: 0.9}, {}

    def score(task, model, index):
        epoch = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // 2
        weights[epoch] = model.get_weights()
        return {"mean_iou": scores[epoch], "pixel_accuracy": 0.5}

    monkeypatch.setattr("keras_seg.training.tasks.semantic.SemanticTask.quick_scores", score)
    run, plan = make_run(tmp_path / "run", indices, epochs=9, patience=2, ema=ema)
    assert plan["keep"] == "best"
    if killed:
        with killed_before("model.keras"):
            trained(plan, indices, run)
    model = trained(plan, indices, run, resume=killed)
    assert [row["val_mean_iou"] for row in run.load_log()] == ["0.2", "0.5", "0.4", "nan"]
    assert run.load_metrics()["epoch"] == 2
    for ours, saved, expected in zip(model.get_weights(), run.load_model().get_weights(), weights[2], strict=True):
        np.testing.assert_array_equal(ours, expected)
        np.testing.assert_array_equal(saved, expected)
    # The average is what was scored; training went on from the weights behind it.
    trained_on = load_epoch(run, 2).trainable_variables
    same = [
        np.array_equal(*map(keras.ops.convert_to_numpy, pair))
        for pair in zip(trained_on, model.trainable_variables, strict=True)
    ]
    assert all(same) == (not ema)


@pytest.mark.tensorflow_only
def test_a_run_goes_on_where_a_validation_has_no_score(tmp_path, indices, monkeypatch):
    """As classes that overlap have none where no image holds any of them, and none is predicted."""
    undefined = {"mean_iou": None, "pixel_accuracy": None}
    monkeypatch.setattr("keras_seg.training.tasks.semantic.SemanticTask.quick_scores", lambda *_: undefined)
    run, plan = make_run(tmp_path / "run", indices, epochs=1, keep="best")
    trained(plan, indices, run)
    assert [row["val_mean_iou"] for row in run.load_log()] == [""]
    assert "epoch" not in run.load_metrics()
    best = BestEpoch(column="val_mean_iou", kept=True, patience=1)
    assert best.epoch([{"epoch": 1}, {"epoch": 2, "val_mean_iou": 0.2}, {"epoch": 3}]) == 2


@pytest.mark.slow_off_tensorflow
def test_the_average_takes_the_place_of_the_weights_where_a_run_was_killed_at_its_end(
    tmp_path, indices, always_save, killed_before
):
    run, plan = make_run(tmp_path / "killed", indices, epochs=3, ema=0.9, keep="best")
    whole, _ = make_run(tmp_path / "whole", indices, epochs=3, ema=0.9, keep="best")
    trained(plan, indices, whole)
    with killed_before("model.keras"):
        trained(plan, indices, run)
    trained(plan, indices, run, resume=True)
    assert_same_runs(run, whole)


def test_plans_of_earlier_versions_keep_the_last_epoch(indices):
    plan = make_plan(fingerprint(*indices))
    del plan.choices["keep"], plan.choices["patience"]
    best = BestEpoch.of(plan, find_task("semantic"))
    assert (best.kept, best.patience, best.epoch([]), best.is_over([])) == (False, None, None, False)


@pytest.mark.slow_off_tensorflow
def test_log_and_checkpoint(tmp_path, indices, always_save):
    run, plan = make_run(tmp_path / "run", indices, epochs=2)
    trained(plan, indices, run)
    rows = list(csv.DictReader(run.log_file.open()))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert 0 <= float(rows[0]["val_mean_iou"]) <= 1
    state = json.loads(run.state_file.read_text())
    assert [f.name for f in run.checkpoints.glob("*.keras")] == [state["model"]]


def test_validation_that_costs_much_is_done_seldom(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("keras_seg.training.run_recorder.time.monotonic", lambda: now[0])
    job, times = _Affordable(0.05), []
    for second in range(200):
        now[0] = max(now[0], float(second))
        if job.due():
            times.append(now[0])
            with job:
                now[0] += 3.0
    # Three seconds a time may come once in sixty.
    assert len(times) == 4
    assert np.diff(times).min() >= 60


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_a_loss_that_is_not_a_number_ends_the_run(tmp_path, indices, monkeypatch):
    run, plan = make_run(tmp_path / "run", indices, epochs=2, learning_rate=9.9)
    monkeypatch.setattr("keras_seg.losses.Crossentropy.call", lambda self, y, p, w=None: keras.ops.sum(p) * np.nan)
    line = refused(trained, plan, indices, run)
    assert line == "The loss of epoch 1 is nan. Start a new run with a lower `learning_rate`."
    # With an earlier epoch that was saved.
    run.checkpoints.mkdir()
    run.state_file.write_text('{"epoch": 3}')
    line = str(with_kept_state(DivergedError("The loss of epoch 5 is inf."), run))
    assert line.startswith("The loss of epoch 5 is inf. Kept: the state after epoch 3. Lower the learning_rate in ")
    assert f"{run.plan_file} and continue with `resume=True`" in line


def test_what_backends_say_when_memory_ends():
    """An array of 400 terabytes."""
    with pytest.raises(Exception) as error:
        keras.ops.convert_to_numpy(keras.ops.ones((10**6, 10**6, 100)))
    assert is_out_of_memory(error.value)
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(ValueError("Out of range."))


@pytest.mark.slow_off_tensorflow
def test_a_batch_that_does_not_fit(tmp_path, indices, monkeypatch):
    run, plan = make_run(tmp_path / "run", indices, epochs=2)

    def step(self, y, p, w=None):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")

    monkeypatch.setattr("keras_seg.losses.Crossentropy.call", step)
    line = refused(trained, plan, indices, run)
    assert line.startswith("The device has not enough memory for batches of 2 crops of ")
    assert line.endswith("Start a new run with a lower `batch_size`.")
    one = out_of_memory(make_plan(plan.fingerprint, batch_size=1, crop=(96, 64)))
    assert str(one) == "The device has not enough memory for a crop of 96x64." and one.choice == "crop"
    run.checkpoints.mkdir(exist_ok=True)
    run.state_file.write_text('{"epoch": 3}')
    assert f"Lower the crop in {run.plan_file} and continue with" in str(with_kept_state(one, run))


@pytest.mark.slow_off_tensorflow
@pytest.mark.parametrize(
    ("epochs", "kept"), [(2, "No epoch was saved yet. Then start"), (1, "Kept: the trained model.")]
)
def test_a_whole_image_that_does_not_fit(tmp_path, indices, monkeypatch, epochs, kept):
    """While the run is validated, and when it is evaluated at its end: smaller batches would not help."""
    run, plan = make_run(tmp_path / "run", indices, epochs=epochs)

    def evaluate(self, *given, **options):
        raise MemoryError

    monkeypatch.setattr("keras_seg.training.tasks.semantic.SemanticTask.evaluate", evaluate)
    line = refused(trained, plan, indices, run)
    said = "the device has not enough memory to predict whole images of 48x48 pixels. Use one with more memory, or"
    assert line.startswith(f"{indices[1].path}: {said}") and kept in line and "batch" not in line


def test_weights_that_are_not_finite_are_not_saved():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    model.compile("adam", "mse")
    model.train_on_batch(np.ones((1, 2)), np.ones((1, 2)))
    check_finite(model, 1)
    kernel, bias = model.get_weights()
    model.set_weights([kernel, bias + np.inf])
    assert refused(check_finite, model, 7) == "The weights after epoch 7 are not finite."


def test_a_checkpoint_holds_the_states_of_dropout(tmp_path):
    run, random = RunFolder(tmp_path / "run"), []
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dropout(0.5)])
    model.compile("sgd", "mse")
    image = np.ones((1, 8), "float32")
    model(image, training=True)
    save_checkpoint(run, Checkpoint(model, 1, 0.0, []))

    def resumed():
        checkpoint = load_checkpoint(run)
        for callback in checkpoint.callbacks:
            callback.on_train_batch_begin(0)
        return checkpoint.model

    for of in (lambda: model, resumed):
        again = of()
        random.append(np.concatenate([keras.ops.convert_to_numpy(again(image, training=True)) for _ in range(8)]))
    np.testing.assert_array_equal(*random)


def test_a_finished_run_is_complete(tmp_path, indices):
    run, plan = make_run(tmp_path / "run", indices, epochs=1)
    seen = []
    result = fit(
        plan, train=indices[0], validation=indices[1], run=run.path, progress=lambda *counts: seen.append(counts)
    )
    run.check_trained()
    metrics = json.loads(run.metrics_file.read_text())
    assert metrics["mean_iou"] == pytest.approx(result.evaluation.mean_iou)
    assert metrics["confusion"] == result.evaluation.confusion.tolist()
    assert run.panel_file.exists()
    assert seen[-1] == (3, 3)
    assert run.load_labels()["names"] == list(ks.data.SHAPE_NAMES)
    for ours, theirs in zip(run.load_model().get_weights(), result.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(_validation.InputError, match="its training has ended"):
        trained(plan, indices, run, resume=True)


def test_a_model_that_cannot_be_built_costs_no_run(tmp_path, indices):
    run, _ = started_run(tmp_path / "run", indices)
    before = run.plan_file.read_text()
    plan = make_plan(fingerprint(*indices), backbone="MobilNetV2")
    with pytest.raises(_validation.InputError, match="MobileNetV2"):
        trained(plan, indices, run, overwrite=True)
    assert run.plan_file.read_text() == before


@pytest.mark.parametrize(("name", "value"), [("batch_size", 0), ("epochs", None), ("rare_classes", [99])])
def test_a_plan_that_was_edited_by_hand_is_checked(tmp_path, indices, name, value):
    run, plan = started_run(tmp_path / "run", indices)
    before, content = run.plan_file.read_text(), plan.to_dict()
    content["choices"][name]["value"] = value
    assert f"`{name}`" in refused(trained, Plan.from_dict(content), indices, run, overwrite=True)
    assert run.plan_file.read_text() == before


def test_a_batch_that_cannot_be_divided_costs_no_run(tmp_path, indices, monkeypatch):
    """Each of several devices gets as many crops."""
    run, plan = started_run(tmp_path / "run", indices)
    before = run.plan_file.read_text()
    monkeypatch.setattr(Group, "current", lambda: Group(devices=4))
    line = refused(trained, plan, indices, run, overwrite=True)
    assert line.startswith("`batch_size` must be a multiple of the number of devices, 4. Received: batch_size=2.")
    assert run.plan_file.read_text() == before


def test_images_whose_pixels_are_all_ignored_are_refused(indices):
    """As in the split test of Cityscapes: the scores of a run would all be undefined."""
    train, held = indices
    void = dataclasses.replace(held, pixel_counts=0 * held.pixel_counts)
    said = "no pixel has a class in the masks of 3 images to {} on. Give images with labels."
    assert refused(fingerprint, train, void) == f"{held.path}: {said.format('validate')}"
    assert refused(fingerprint, void, held, task="boundary") == f"{held.path}: {said.format('train')}"
    # The scores of folds are those of all images together.
    fold = dataclasses.replace(train, fold=(1, 3))
    assert fingerprint(fold, void)["validation_images"] == 3


def test_images_to_validate_on_that_are_read_otherwise_cost_no_run(tmp_path, indices):
    """The first validation would fail, or score classes that are mixed up."""
    run, plan = started_run(tmp_path / "run", indices)
    before, (train, held) = run.plan_file.read_text(), indices

    def read_as(**changed):
        return dataclasses.replace(held, encoding=dataclasses.replace(held.encoding, **changed))

    def said(validation):
        line = refused(trained, plan, (train, validation), run, overwrite=True)
        assert refused(fingerprint, train, validation) == line and run.plan_file.read_text() == before
        return line

    names, count = train.class_names, len(train.class_names)
    line = said(read_as(class_names=(names[1], names[0], *names[2:])))
    assert f"must have the {count} classes of the images to train on, in their order: {names[0]}, {names[1]}" in line
    assert f"{count} classes: {names[1]}, {names[0]}" in line and "takes their `encoding`" in line
    assert "Received: validation='2 classes: class_0, class_1'" in said(read_as(num_classes=2, class_names=None))
    assert "must have the 3 channels" in said(dataclasses.replace(held, channels=1))
    # Names that one of the two lacks are mixed up with none.
    assert fingerprint(train, read_as(class_names=None))["class_names"] == list(names)
    line = refused(fingerprint, train, held, task="instances")
    assert line.startswith(
        "`train` must be of the type InstanceIndex for `task='instances'`. Received: train='FolderIndex'."
    )


@pytest.mark.parametrize(("name", "value"), [("num_classes", 2), ("channels", 1)])
def test_a_plan_of_other_data_costs_no_run(tmp_path, indices, name, value):
    run, plan = started_run(tmp_path / "run", indices)
    before, facts = run.plan_file.read_text(), plan.fingerprint
    of_two = {"class_weights": Choice(value=[1, 1], rule="given"), "rare_classes": Choice(value=[], rule="given")}
    other = Plan({**facts, name: value}, {**plan.choices, **of_two} if name == "num_classes" else plan.choices)
    line = refused(trained, other, indices, run, overwrite=True)
    assert line.startswith(
        f"`plan` is for data with {name}={value}, and {indices[0].path} has {name}={facts[name]}. Make it of"
    )
    assert run.plan_file.read_text() == before


def test_a_run_is_resumed_on_its_own_data(tmp_path, indices):
    run, plan = started_run(tmp_path / "run", indices)
    others = (indices[0].subset([0, 1]), indices[1])
    with pytest.raises(_validation.InputError, match="has train_images=2, and the run was begun with train_images=6"):
        trained(plan, others, run, resume=True)


@pytest.mark.parametrize("changed", ["order", "sizes", "masks", "masks to validate on"])
def test_other_data_of_as_many_images(tmp_path, indices, changed):
    """A run with other images to validate on would rank epochs by scores that do not compare."""
    run, plan = started_run(tmp_path / "run", indices)
    train, held = indices
    others = {
        "order": (dataclasses.replace(train, pairs=train.pairs[::-1]), held),
        "sizes": (train, dataclasses.replace(held, sizes=((48, 40), *held.sizes[1:]))),
        "masks": (dataclasses.replace(train, pixel_counts=np.roll(train.pixel_counts, 1, axis=1)), held),
        # Files of the same names, as where the folder to validate on is forgotten.
        "masks to validate on": (train, train.subset([0, 1, 2])),
    }[changed]
    kind = "train" if changed in ("order", "masks") else "validate"
    said = f"has other images or masks to {kind} on than the run was begun with. Give the same data, or"
    with pytest.raises(_validation.InputError, match=said):
        trained(plan, others, run, resume=True)


def test_minutes_that_are_over_before_training_begins(tmp_path, indices):
    run, plan = make_run(tmp_path / "run", indices, minutes=1)
    with pytest.raises(_validation.InputError, match="`minutes` were over before training began: 61 seconds went into"):
        trained(plan, indices, run, seconds_spent=61)
    assert not run.path.exists()
    run._create(plan, LABELS)  # Interrupted before the first checkpoint.
    with pytest.raises(_validation.InputError, match="`minutes` were over before training began: 61 seconds went into"):
        trained(plan, indices, run, seconds_spent=61, resume=True)
    assert not run.model_file.exists()


def with_values(run, **values):
    """The content of a run's plan with other values."""
    content = json.loads(run.plan_file.read_text())
    for name, value in values.items():
        content["choices"][name]["value"] = value
    return content


@pytest.mark.slow_off_tensorflow
def test_an_edited_plan_is_followed_or_refused(tmp_path, indices, always_save, killed_before):
    run, plan = make_run(tmp_path / "run", indices, epochs=4)
    with killed_before("epoch_00003.keras"):
        trained(plan, indices, run)
    whole = run.plan_file.read_text()
    for name, value in (("weight_decay", 0.5), ("dtype_policy", "mixed_bfloat16"), ("ema", 0.9), ("model", "FPN")):
        run.plan_file.write_text(json.dumps(with_values(run, **{name: value})))
        said = f"plan.json: `{name}` cannot change once an epoch is saved: it was .* and is .*. Set it back"
        with pytest.raises(_validation.InputError, match=said):
            trained(run.load_plan(), indices, run, resume=True)
        run.plan_file.write_text(whole)
    run.plan_file.write_text(json.dumps(with_values(run, learning_rate=1e-6)))
    trained(run.load_plan(), indices, run, resume=True)
    rates = [float(row["learning_rate"]) for row in run.load_log()]
    assert rates[1] > 1e-5 > 1e-6 >= rates[2]


@pytest.mark.slow_off_tensorflow
def test_an_epoch_that_was_not_kept_is_not_the_best(tmp_path, indices, always_save, monkeypatch, killed_before):
    """The plan asks for the best after two epochs. The first has the highest score, and its model is gone."""
    scores = {1: 0.9, 2: 0.3, 3: 0.2, 4: 0.5, 5: 0.4}

    def score(task, model, index):
        epoch = int(keras.ops.convert_to_numpy(model.optimizer.iterations)) // 2
        return {"mean_iou": scores[epoch], "pixel_accuracy": 0.5}

    monkeypatch.setattr("keras_seg.training.tasks.semantic.SemanticTask.quick_scores", score)
    run, plan = make_run(tmp_path / "run", indices, epochs=5)
    with killed_before("epoch_00003.keras"):
        trained(plan, indices, run)
    run.plan_file.write_text(json.dumps(with_values(run, keep="best")))
    trained(run.load_plan(), indices, run, resume=True)
    assert [row["val_mean_iou"] for row in run.load_log()] == ["0.9", "0.3", "0.2", "0.5", "0.4"]
    assert run.load_metrics()["epoch"] == 4
    # From a checkpoint that was written while the best was kept.
    again = BestEpoch(column="val_mean_iou", kept=True, patience=None, resumed=4, saved=3)
    assert again.epoch(run.load_log()[:4]) == 3 and again.epoch(run.load_log()) == 5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batch_size": "4"}, "plan.json: `batch_size` must be an integer"),
        ({"epochs": True}, "plan.json: `epochs` must be an integer"),
        ({"minutes": 3}, "plan.json: `minutes` and `epochs` exclude each other"),
        ({"epochs": None}, "plan.json: `epochs` or `minutes` must be given"),
        ({"crop": None}, "plan.json: `crop` must have a value"),
        ({"learning_rate": -1}, "plan.json: `learning_rate` must"),
        ({"scale": [0.5]}, "plan.json: `scale` must be a pair"),
        ({"class_weights": [1.0]}, "plan.json: `class_weights` must hold 7 numbers, one for each class"),
    ],
)
def test_an_edited_plan_with_a_wrong_value(tmp_path, indices, values, said):
    run, _ = started_run(tmp_path / "run", indices)
    run.plan_file.write_text(json.dumps(with_values(run, **values)))
    assert re.search(said, refused(run.check_startable, resume=True))


def test_what_is_left_of_an_edited_plan(tmp_path, indices):
    run, _ = started_run(tmp_path / "run", indices)
    content = with_values(run)
    content["choices"]["learning_rate"] = {"value": 0.0005}
    run.plan_file.write_text(json.dumps(content))
    run.check_startable(resume=True)
    assert run.load_plan()["learning_rate"] == 0.0005
    # Of an earlier version, and of a process with another policy.
    policy = content["choices"].pop("dtype_policy")
    run.plan_file.write_text(json.dumps(content))
    run.check_startable(resume=True)
    content["choices"]["dtype_policy"] = {**policy, "value": "mixed_float16"}
    content["fingerprint"]["dtype_policy"] = "mixed_float16"
    run.plan_file.write_text(json.dumps(content))
    run.check_startable(resume=True)
    for content in ({}, {"choices": []}, {"fingerprint": {}, "choices": {"crop": {"rule": "none"}}}):
        run.plan_file.write_text(json.dumps(content))
        assert "plan.json: is not a plan (" in refused(run.check_startable, resume=True)


class TestRunFolder:
    def test_resuming_and_overwriting_exclude_each_other(self, tmp_path):
        with pytest.raises(_validation.InputError, match="`resume=True` and `overwrite=True` exclude each other"):
            RunFolder(tmp_path).check_startable(resume=True, overwrite=True)

    def test_what_is_not_a_run_is_left_alone(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("five years")
        with pytest.raises(_validation.InputError, match="holds files that do not belong to a run, and is left alone"):
            RunFolder(tmp_path).check_startable(overwrite=True)
        assert (tmp_path / "thesis.tex").read_text() == "five years"

    def test_a_run_is_not_replaced_unasked(self, tmp_path, indices):
        run, _ = started_run(tmp_path / "run", indices)
        with pytest.raises(
            _validation.InputError, match="holds a run already. Continue it with `resume=True`.*`overwrite=True`"
        ):
            run.check_startable()
        run.check_startable(overwrite=True)

    def test_files_of_others_survive_overwriting(self, tmp_path, indices):
        run, plan = started_run(tmp_path / "run", indices)
        run.log_file.write_text("old")
        (run.path / "notes.txt").write_text("mine")
        (run.path / "export_report.json").write_text("{}")  # Claims on a model that is gone.
        run._create(plan, LABELS)
        assert not (run.path / "export_report.json").exists()
        assert not run.log_file.exists()
        assert (run.path / "notes.txt").read_text() == "mine"

    def test_no_run_folder(self, tmp_path):
        with pytest.raises(_validation.InputError, match="no such run folder"):
            RunFolder(tmp_path / "none").load_plan()
        with pytest.raises(_validation.InputError, match="is not a run folder, it has no plan.json"):
            RunFolder(tmp_path).load_plan()

    def test_a_broken_model_file(self, tmp_path, indices):
        run, _ = started_run(tmp_path / "run", indices)
        with pytest.raises(_validation.InputError, match="its training has not ended"):
            run.load_model()
        run.model_file.write_bytes(b"not a model")
        with pytest.raises(_validation.InputError, match=r"model.keras: cannot be loaded .*Train again"):
            run.load_model()


class TestFiles:
    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path):
        target = tmp_path / "artifact"
        target.write_text("old")
        with pytest.raises(RuntimeError), _files.written_aside(target, overwrite=True) as aside:
            aside.write_text("half")
            raise RuntimeError
        assert target.read_text() == "old"
        assert [item.name for item in tmp_path.iterdir()] == ["artifact"]

    def test_folders_are_replaced_too(self, tmp_path):
        for text in ("one", "two"):
            with _files.written_aside(tmp_path / "folder", overwrite=True) as aside:
                aside.mkdir()
                (aside / text).write_text(text)
        assert [item.name for item in (tmp_path / "folder").iterdir()] == ["two"]
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize("content", ["five years", None])
    def test_a_file_never_takes_the_place_of_a_folder(self, tmp_path, content):
        folder = tmp_path / "reports"
        folder.mkdir()
        if content is not None:
            (folder / "thesis.tex").write_text(content)
        (tmp_path / "written").write_text("new")

        def write():
            with _files.written_aside(folder, overwrite=True) as aside:
                aside.write_text("new")

        line = f"{folder}: is a folder, and a file is written. Give the path of a file."
        assert refused(write) == line
        assert refused(_files.write_text, folder, "new") == line
        assert refused(_files.write_json, folder, {}) == line
        assert refused(_files.put_in_place, tmp_path / "written", folder) == line
        assert sorted(item.name for item in tmp_path.iterdir()) == ["reports", "written"]
        assert [item.read_text() for item in folder.iterdir()] == [content] * (content is not None)

    def test_a_link_to_a_folder_is_a_folder(self, tmp_path):
        (tmp_path / "reports").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "reports", target_is_directory=True)
        assert "link: is a folder, and a file is written" in refused(_files.write_text, tmp_path / "link", "new")
        assert (tmp_path / "link").is_symlink() and len(list(tmp_path.iterdir())) == 2

    def test_a_folder_replaces_a_file(self, tmp_path):
        (tmp_path / "model").write_text("old")
        with _files.written_aside(tmp_path / "model", overwrite=True) as aside:
            aside.mkdir()
            (aside / "new").touch()
        assert [item.name for item in (tmp_path / "model").iterdir()] == ["new"]
        assert len(list(tmp_path.iterdir())) == 1

    @pytest.mark.parametrize("size", [10, 100_000])
    def test_a_full_disk(self, tmp_path, size):
        """Plans, logs and states are written like this. Of a model, an archive, the end fails to be written as well."""
        model = keras.Sequential([keras.Input((200,)), keras.layers.Dense(200)])
        where = tmp_path / "log.csv"
        _files.write_text(where, "old")

        def write():
            with _files.written_aside(where, overwrite=True) as aside:
                aside.write_text("epoch,step,seconds") if size == 10 else model.save(aside.with_suffix(".keras"))

        limit = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limit[1]))
        try:
            line = refused(write)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        assert line == f"{where}: cannot be written (File too large). Free some space, or choose another place."
        assert (where.read_text(), len(list(tmp_path.iterdir()))) == ("old", 1)

    def test_existing_is_refused(self, tmp_path):
        (tmp_path / "a").touch()
        with (
            pytest.raises(_validation.InputError, match="`path` exists already"),
            _files.written_aside(tmp_path / "a", overwrite=False),
        ):
            pass

    def test_unwritable_place(self, tmp_path):
        (tmp_path / "file").touch()
        with (
            pytest.raises(_validation.InputError, match="cannot be written .*Choose another place"),
            _files.written_aside(tmp_path / "file" / "below", overwrite=False),
        ):
            pass
