"""Run folders: resuming to the same weights, whole files, validation that stays cheap."""

import csv
import json

import keras
import numpy as np
import pytest

import keras_seg as ks
from keras_seg import _files, _validation
from keras_seg.training import RunFolder, fingerprint, fit, make_plan
from keras_seg.training.run_recorder import _Affordable


@pytest.fixture(scope="module")
def indices(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes")
    ks.data.write_shapes(folder, train=6, val=3, image_size=(48, 48))
    train = ks.data.scan_folder(folder, split="train")
    return train, ks.data.scan_folder(folder, split="val", encoding=train.encoding)


def make_run(path, indices, **given):
    plan = make_plan(fingerprint(*indices), steps_per_epoch=2, batch_size=2, crop=(32, 32), decoder_stride=8, **given)
    run = RunFolder(path)
    run.create(plan, {"names": list(indices[0].class_names), "ignore_class": []})
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
def test_a_killed_run_resumes_to_the_same_weights(tmp_path, indices, always_save):
    run, plan = make_run(tmp_path / "whole", indices, epochs=4)
    expected = fit(plan, *indices, run)

    run, plan = make_run(tmp_path / "killed", indices, epochs=4)
    with pytest.raises(Killed):
        fit(plan, *indices, run, callbacks=[KillAt(2)])
    keras.utils.clear_session()
    resumed = fit(run.load_plan(), *indices, run, resume=True)

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
    run, plan = make_run(tmp_path / "a", indices, epochs=4)
    whole = fit(plan, *indices, run)
    run, plan = make_run(tmp_path / "b", indices, epochs=2)
    short = fit(plan, *indices, run)
    differences = [np.abs(a - b).max() for a, b in zip(whole.get_weights(), short.get_weights(), strict=True)]
    assert max(differences) > 1e-2


@pytest.mark.slow_off_tensorflow
def test_log_and_checkpoint(tmp_path, indices, always_save):
    run, plan = make_run(tmp_path / "run", indices, epochs=2)
    fit(plan, *indices, run)
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
    with pytest.raises(_validation.InputError, match="The loss of epoch 1 is nan. Start anew with a lower --learning"):
        fit(plan, *indices, run)


class TestRunFolder:
    def test_what_is_not_a_run_is_left_alone(self, tmp_path):
        (tmp_path / "thesis.tex").write_text("five years")
        with pytest.raises(_validation.InputError, match="holds files that are not of a run, and is left alone"):
            RunFolder(tmp_path).check_free(overwrite=True)
        assert (tmp_path / "thesis.tex").read_text() == "five years"

    def test_a_run_is_not_replaced_unasked(self, tmp_path, indices):
        run, _ = make_run(tmp_path / "run", indices)
        with pytest.raises(_validation.InputError, match="holds a run already. Add --resume .*--overwrite"):
            run.check_free(overwrite=False)
        run.check_free(overwrite=True)

    def test_files_of_others_survive_overwriting(self, tmp_path, indices):
        run, plan = make_run(tmp_path / "run", indices)
        run.log_file.write_text("old")
        (run.path / "notes.txt").write_text("mine")
        run.create(plan, {"names": [], "ignore_class": []})
        assert not run.log_file.exists()
        assert (run.path / "notes.txt").read_text() == "mine"

    def test_no_run_folder(self, tmp_path):
        with pytest.raises(_validation.InputError, match="no such run folder"):
            RunFolder(tmp_path / "none").load_plan()
        with pytest.raises(_validation.InputError, match="is not a run folder, it has no plan.json"):
            RunFolder(tmp_path).load_plan()

    def test_a_broken_model_file(self, tmp_path, indices):
        run, _ = make_run(tmp_path / "run", indices)
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
            _files.written_aside(tmp_path / "a", False),
        ):
            pass

    def test_unwritable_place(self, tmp_path):
        (tmp_path / "file").touch()
        with (
            pytest.raises(_validation.InputError, match="cannot be written .*Choose another place"),
            _files.written_aside(tmp_path / "file" / "below", overwrite=False),
        ):
            pass
