"""Run folders: resuming to the same weights, whole files, validation that stays cheap."""

import csv
import json

import keras
import numpy as np
import pytest
from made_data import scanned, shapes

import keras_seg as ks
from keras_seg import _files, _validation
from keras_seg.training import RunFolder, fingerprint, fit, make_plan
from keras_seg.training.run_recorder import _Affordable


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


class Killed(Exception):
    pass


class KillAt(keras.callbacks.Callback):
    """Ends the process, as far as the run can tell, during an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise Killed


@pytest.fixture
def always_save(monkeypatch):
    monkeypatch.setattr(_Affordable, "due", lambda self: True)


@pytest.mark.thorough
@pytest.mark.slow_off_tensorflow
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, indices, always_save):
    expected = of_epochs(tmp_path / "whole", indices, 4)
    run, plan = make_run(tmp_path / "killed", indices, epochs=4)
    with pytest.raises(Killed):
        trained(plan, indices, run, callbacks=[KillAt(2)])
    keras.utils.clear_session()
    resumed = trained(run.load_plan(), indices, run, resume=True)

    moved = 0
    for ours, theirs in zip(resumed.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
        moved += np.abs(ours).sum()
    assert moved > 0
    whole, killed = (list(csv.DictReader((tmp_path / n / "log.csv").open())) for n in ("whole", "killed"))
    assert [row["step"] for row in killed] == [row["step"] for row in whole] == ["2", "4", "6", "8"]
    assert [row["learning_rate"] for row in killed] == [row["learning_rate"] for row in whole]


@pytest.mark.slow_off_tensorflow
@pytest.mark.slow
def test_resuming_without_the_checkpoint_would_differ(tmp_path, indices, always_save):
    """Guards the test above: four epochs and two epochs do not end at the same weights anyway."""
    models = [of_epochs(tmp_path / str(epochs), indices, epochs) for epochs in (4, 2)]
    pairs = zip(*(model.get_weights() for model in models), strict=True)
    differences = [np.abs(whole - short).max() for whole, short in pairs]
    assert max(differences) > 1e-2


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
    with pytest.raises(
        _validation.InputError, match="The loss of epoch 1 is nan. Start a new run with a lower `learning_rate`"
    ):
        trained(plan, indices, run)


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


def test_a_run_is_resumed_on_its_own_data(tmp_path, indices):
    run, plan = started_run(tmp_path / "run", indices)
    others = (indices[0].subset([0, 1]), indices[1])
    with pytest.raises(_validation.InputError, match="has train_images=2, and the run was trained with train_images=6"):
        trained(plan, others, run, resume=True)


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
        run._create(plan, LABELS)
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
